import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { KEY } from './service.ts';

/** The status of an HTTP response; undefined when the connection ended without one. */
export function sendHttp(
  address: string,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const outgoing = httpRequest(
      {
        hostname,
        port,
        method,
        path,
        agent: false,
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
      },
      (response) => {
        response.resume();
        response.once('close', () => resolve(response.statusCode));
      },
    );
    outgoing.once('error', () => resolve(undefined));
    outgoing.end(body);
  });
}

/** A connection of HTTP/2; `window`: how many bytes of each reply it takes unasked. */
export async function openHttp2(address: string, window?: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${address}`, {
    settings: { ...(window !== undefined && { initialWindowSize: window }) },
  });
  session.on('error', () => undefined);
  await Promise.race([once(session, 'remoteSettings'), once(session, 'close')]).catch(() => undefined);
  return session;
}

/** Begins a call: the headers are sent. Undefined when the connection is gone. */
export function beginCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream | undefined {
  if (session.destroyed || session.closed) return undefined;
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${KEY}`,
    ...headers,
  });
  stream.on('error', () => undefined);
  return stream;
}

/** A message with the five bytes before it. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What a call has come to that the service has not taken: its client may make it elsewhere. */
export const NOT_TAKEN = -1;

/** Makes a call, and returns the number of its grpc-status; undefined when it ended without one. */
export async function sendGrpc(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const stream = beginCall(session, path, headers);
  if (stream === undefined) return undefined;
  let status: number | undefined;
  const note = (received: Record<string, unknown>): void => {
    if (received['grpc-status'] !== undefined) status = Number(received['grpc-status']);
  };
  stream.on('response', note).on('trailers', note);
  stream.resume();
  stream.end(frame(message));
  if (!stream.closed) await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? NOT_TAKEN : status;
}

/** A bare connection that sends these bytes and reads nothing. Resolves once they are sent, or it is gone. */
export async function openSocket(address: string, bytes: Uint8Array | string = ''): Promise<Socket> {
  const { hostname, port } = new URL(`http://${address}`);
  const socket = connectTcp(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.pause();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
  if (bytes.length > 0) {
    await new Promise<void>((sent) => {
      socket.once('close', () => sent());
      socket.write(bytes, () => sent());
    });
  }
  return socket;
}

/** Does something so many times, with so many under way at a time. */
export async function repeat(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker));
}

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { closeAtEnd } from './opened.ts';

/** A connection that speaks gRPC frame by frame, also wrongly. */
export interface RawHttp2 {
  readonly session: ClientHttp2Session;
  /** Resolves once the connection has ended. */
  readonly ended: Promise<void>;
  /** Begins a call. Nothing but the headers is sent. */
  open(path: string, headers?: Readonly<Record<string, string>>): RawCall;
  /** Makes a call with whole messages. */
  call(
    path: string,
    messages?: readonly Uint8Array[],
    headers?: Readonly<Record<string, string>>,
  ): Promise<RawEnding>;
}

/** A call under way. */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** The response headers; rejects when the call ends without any. */
  readonly response: Promise<IncomingHttpHeaders>;
  readonly ending: Promise<RawEnding>;
}

/** How a call ended. */
export interface RawEnding {
  /** Whether the response was trailers alone, which is what lets clients repeat the call. */
  readonly isTrailersOnly: boolean;
  readonly httpStatus: number | undefined;
  /** The number in grpc-status; undefined: there was none. */
  readonly status: number | undefined;
  /** What holds grpc-status: the trailers, or the headers of a response without any. */
  readonly trailers: IncomingHttpHeaders;
  /** The code of RST_STREAM. */
  readonly resetCode: number;
}

/** A message with the five bytes before it. */
export function frame(message: Uint8Array, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Connects. The connection is cut when the test ends. */
export function connectHttp2(address: string, initialWindowSize?: number): RawHttp2 {
  const session = connect(`http://${address}`, {
    ...(initialWindowSize !== undefined && { settings: { initialWindowSize } }),
  });
  session.on('error', () => undefined);
  closeAtEnd(() => session.destroy());
  const open = (path: string, headers: Readonly<Record<string, string>> = {}): RawCall => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    return { stream, response: responseOf(stream), ending: endingOf(stream) };
  };
  return {
    session,
    ended: new Promise((resolve) => session.once('close', () => resolve())),
    open,
    async call(path, messages = [], headers = {}) {
      const { stream, ending } = open(path, headers);
      stream.resume();
      for (const message of messages) stream.write(frame(message));
      stream.end();
      return ending;
    },
  };
}

function responseOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const response = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('close', () => reject(new Error('The call ended without a response.')));
  });
  response.catch(() => undefined);
  return response;
}

function endingOf(stream: ClientHttp2Stream): Promise<RawEnding> {
  let headers: IncomingHttpHeaders | undefined;
  let trailers: IncomingHttpHeaders | undefined;
  stream.once('response', (received) => {
    headers = received;
  });
  stream.once('trailers', (received) => {
    trailers = received;
  });
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    stream.once('close', () => {
      const last = trailers ?? headers ?? {};
      const status = last['grpc-status'];
      resolve({
        isTrailersOnly: trailers === undefined && status !== undefined,
        httpStatus: headers?.[':status'] === undefined ? undefined : Number(headers[':status']),
        status: status === undefined ? undefined : Number(status),
        trailers: last,
        resetCode: stream.rstCode ?? 0,
      });
    });
  });
}

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { create, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { type CertificateFiles, operationOf } from './access.ts';
import { type HttpReply, readReply } from './http-request.ts';
import { closeAtEnd } from './opened.ts';

/** How a client speaks TLS. */
export interface ClientTls {
  /** The CA that the server is verified by. */
  readonly ca: string;
  /** What the client shows; undefined: nothing. */
  readonly certificate?: CertificateFiles | undefined;
}

type Values = Readonly<Record<string, string>>;

/**
 * A gRPC client over TLS that knows no contract, for a server whose certificate names localhost. It is closed when the test
 * ends.
 */
export function connectSecure(address: string, { ca, certificate }: ClientTls): Client {
  const client = new Client(
    address,
    credentials.createSsl(
      readFileSync(ca),
      certificate === undefined ? null : readFileSync(certificate.key),
      certificate === undefined ? null : readFileSync(certificate.cert),
    ),
    {
      // Node takes no address for the name of a server.
      'grpc.ssl_target_name_override': 'localhost',
      // Channels of the same address and certificates would share their connections, also between tests.
      'grpc.use_local_subchannel_pool': 1,
    },
  );
  closeAtEnd(() => client.close());
  return client;
}

/** Calls a unary rpc. Rejects with a ServiceError. */
export function callUnary(
  client: Client,
  path: string,
  message: Uint8Array,
  headers: Values = {},
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  client.makeUnaryRequest(path, toBuffer, same, message, toMetadata(headers), (error, reply) => {
    if (error === null) resolve(reply ?? Buffer.alloc(0));
    else reject(error);
  });
  return promise;
}

/** Calls a rpc whose requests and replies stream with one request. Resolves with the first reply. */
export async function callStream(
  client: Client,
  path: string,
  message: Uint8Array,
  headers: Values = {},
): Promise<Buffer> {
  const call = client.makeBidiStreamRequest(path, toBuffer, same, toMetadata(headers));
  call.on('error', () => undefined);
  call.write(message);
  call.end();
  const replies: Buffer[] = [];
  for await (const reply of call) replies.push(reply as Buffer);
  const [first] = replies;
  if (first === undefined) throw new Error('The stream has ended without a reply.');
  return first;
}

/** Sends an HTTPS request on a connection of its own. */
export function sendHttps(
  address: string,
  method: string,
  target: string,
  tls: ClientTls,
  headers: Values = {},
  body?: string | Uint8Array,
): Promise<HttpReply> {
  const { hostname, port } = new URL(`https://${address}`);
  const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
  const outgoing = request(
    {
      hostname,
      port,
      method,
      path: target,
      agent: false,
      ca: readFileSync(tls.ca),
      ...(tls.certificate !== undefined && {
        cert: readFileSync(tls.certificate.cert),
        key: readFileSync(tls.certificate.key),
      }),
      headers,
    },
    (incoming) => readReply(incoming).then(resolve, reject),
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/**
 * Passes connections on to an address from another address of this machine, as a proxy on the same host would. It is closed
 * when the test ends.
 * @returns where it listens
 */
export async function startRelay(to: string, localAddress: string): Promise<string> {
  const { hostname: host, port } = new URL(`http://${to}`);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect({ host, port: Number(port), localAddress });
    for (const socket of [client, onward]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        open.delete(socket);
        client.destroy();
        onward.destroy();
      });
    }
    client.pipe(onward).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeAtEnd(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The bytes of a request for RawService/Call. */
export function rawRequest({
  body,
  ...fields
}: {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly body?: JsonValue;
}): Uint8Array {
  const { input } = operationOf('vultr.v2.RawService/Call');
  const message = { ...fields, ...(body !== undefined && { body: fromJson(ValueSchema, body) }) };
  return toBinary(input, create(input, message as never));
}

function toMetadata(headers: Values): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

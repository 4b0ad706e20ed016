import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach } from 'vitest';
import type { Dispatcher, Incoming, Reply } from '../../src/rpc/call.ts';
import { type Contract, loadContract } from '../../src/contract/load.ts';
import type { Message } from '../../src/transcoding/message.ts';
import type { HttpServerOptions } from '../../src/http/options.ts';
import { type HttpServer, startHttpServer } from '../../src/http/server.ts';
import { stringifyJson } from '../../src/payload/json.ts';
import type { CallError } from '../../src/status/call-error.ts';
import { compileProto } from './compile-proto.ts';

/** Compiles a file of proto text into operations. */
export async function compileContract(source: string): Promise<Contract> {
  return loadContract(await compileProto(source));
}

/** A reply whose JSON is that of a value. */
export function jsonReply(value: unknown, more: Partial<Reply> = {}): Reply {
  return { toBinary: () => new Uint8Array(), toJson: () => Buffer.from(stringifyJson(value)), ...more };
}

/** What a test's dispatcher does and what it saw. */
export interface RecordingDispatcher extends Dispatcher {
  readonly seen: { incoming: Incoming; request: Message | undefined; error: CallError | undefined }[];
  readonly refusals: { target: string; error: CallError }[];
}

/** A dispatcher that decodes, remembers, and answers as the test says: with the operation's name unless told. */
export function recordingDispatcher(
  handlers: {
    unary?: (incoming: Incoming, request: Message) => Promise<Reply> | Reply;
    stream?: (incoming: Incoming, request: Message) => AsyncIterable<Reply>;
  } = {},
): RecordingDispatcher {
  const seen: RecordingDispatcher['seen'] = [];
  const refusals: RecordingDispatcher['refusals'] = [];
  async function decode(incoming: Incoming): Promise<Message> {
    try {
      const request = await incoming.decode();
      seen.push({ incoming, request, error: undefined });
      return request;
    } catch (error) {
      seen.push({ incoming, request: undefined, error: error as CallError });
      throw error;
    }
  }
  return {
    seen,
    refusals,
    async unary(incoming) {
      const request = await decode(incoming);
      return handlers.unary?.(incoming, request) ?? jsonReply({ rpc: incoming.operation.rpc, request });
    },
    async *stream(incoming) {
      const request = await decode(incoming);
      if (handlers.stream !== undefined) yield* handlers.stream(incoming, request);
    },
    refused(request, error) {
      refusals.push({ target: request.target, error });
    },
  };
}

const servers: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

/** Starts the real HTTP side on a free port; it is closed after the test. */
export async function startServer(
  options: Pick<HttpServerOptions, 'operations' | 'dispatcher'> & Partial<HttpServerOptions>,
): Promise<HttpServer & { url: string }> {
  const server = await startHttpServer({ listen: { host: '127.0.0.1', port: 0 }, ...options });
  servers.push(server);
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

/** Sends bytes on a socket of its own and reads what comes back until the other side closes it. */
export async function rawExchange(port: number, ...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A reset is an end as well; what came before it is what counts.
  socket.on('error', () => undefined);
  for (const part of parts) socket.write(part);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('utf8');
}

const THINGS = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
message Req { string id = 1; string name = 2; }
message Res { string name = 1; repeated string list = 2; }
service S {
  rpc Get(Req) returns (Res) { option (google.api.http) = { get: "/api/things/{id}" }; }
  rpc Create(Req) returns (Res) { option (google.api.http) = { post: "/api/things" body: "*" }; }
  rpc GetV2(Req) returns (Res) { option (google.api.http) = { get: "/v2/things/{id}" }; }
  rpc DeleteV2(Req) returns (Res) { option (google.api.http) = { delete: "/v2/things/{id}" }; }
  rpc Options(Req) returns (Res) { option (google.api.http) = { custom { kind: "OPTIONS" path: "/v2/things/{id}/options" } }; }
  rpc Part(Req) returns (Res) { option (google.api.http) = { get: "/api/part" response_body: "list" }; }
}
`;

let things: Promise<Contract> | undefined;

/** Starts the HTTP side with a small contract of unary calls, below /api and below /v2. */
export async function startThings(
  handlers: Parameters<typeof recordingDispatcher>[0] = {},
  options: Omit<Partial<HttpServerOptions>, 'operations' | 'dispatcher'> = {},
): Promise<HttpServer & { url: string; dispatcher: RecordingDispatcher }> {
  things ??= compileContract(THINGS);
  const dispatcher = recordingDispatcher(handlers);
  const server = await startServer({
    operations: (await things).operations.values(),
    dispatcher,
    ...options,
  });
  return { ...server, dispatcher };
}

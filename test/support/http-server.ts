import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach } from 'vitest';
import { type Contract, loadContract } from '../../src/contract/load.ts';
import type { HttpServerOptions } from '../../src/http/options.ts';
import { type HttpServer, startHttpServer } from '../../src/http/server.ts';
import { stringifyJson } from '../../src/payload/json.ts';
import type { Dispatcher, Incoming, Reply, VerbatimRequest } from '../../src/rpc/call.ts';
import type { CallError } from '../../src/status/call-error.ts';
import type { Message } from '../../src/transcoding/message.ts';
import { createResolver } from '../../src/v2/resolve.ts';
import { compileProto } from './compile-proto.ts';

/** Compiles a file of proto text into operations. */
export async function compileContract(source: string): Promise<Contract> {
  return loadContract(await compileProto(source));
}

/** A reply whose JSON is that of a value. */
export function jsonReply(value: unknown, more: Partial<Reply> = {}): Reply {
  return { toBinary: () => new Uint8Array(), toJson: () => Buffer.from(stringifyJson(value)), ...more };
}

/** A call as a test's dispatcher saw it: its request in the form in which it was read. */
export interface SeenCall {
  readonly incoming: Incoming;
  readonly request: Message | undefined;
  readonly verbatim: VerbatimRequest | undefined;
  readonly error: CallError | undefined;
}

/** What a test's dispatcher does and what it saw. */
export interface RecordingDispatcher extends Dispatcher {
  readonly seen: SeenCall[];
  readonly refusals: { target: string; requestId: string | undefined; error: CallError }[];
}

/** What serves the calls of a test. */
export interface TestHandlers {
  readonly unary?: (incoming: Incoming, seen: SeenCall) => Promise<Reply> | Reply;
  readonly stream?: (incoming: Incoming, seen: SeenCall) => AsyncIterable<Reply>;
}

/** A dispatcher that reads, remembers, and replies as the test says: with the operation's name and request unless told. */
export function recordingDispatcher(handlers: TestHandlers = {}): RecordingDispatcher {
  const seen: RecordingDispatcher['seen'] = [];
  const refusals: RecordingDispatcher['refusals'] = [];
  async function read(incoming: Incoming): Promise<SeenCall> {
    try {
      const read = await incoming.read();
      const call = {
        incoming,
        request: read.kind === 'message' ? read.message : undefined,
        verbatim: read.kind === 'verbatim' ? read.request : undefined,
        error: undefined,
      };
      seen.push(call);
      return call;
    } catch (error) {
      seen.push({ incoming, request: undefined, verbatim: undefined, error: error as CallError });
      throw error;
    }
  }
  return {
    seen,
    refusals,
    async unary(incoming) {
      const call = await read(incoming);
      return (
        handlers.unary?.(incoming, call) ??
        jsonReply({ rpc: incoming.operation.rpc, request: call.request ?? null })
      );
    },
    async *stream(incoming) {
      const call = await read(incoming);
      if (handlers.stream !== undefined) yield* handlers.stream(incoming, call);
    },
    refused(request, error) {
      refusals.push({ target: request.target, requestId: request.requestId, error });
    },
  };
}

const servers: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

/** Starts the real HTTP side on a free port; it is closed after the test. */
export async function startServer(
  options: Omit<HttpServerOptions, 'operations' | 'resolveVultr' | 'listen'> & {
    readonly contract: Contract;
    readonly listen?: HttpServerOptions['listen'];
  },
): Promise<HttpServer & { url: string }> {
  const { contract, ...others } = options;
  const server = await startHttpServer({
    operations: contract.operations.values(),
    resolveVultr: createResolver(contract),
    listen: { host: '127.0.0.1', port: 0 },
    ...others,
  });
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

/** Resolves once nobody can connect to a port any more. */
export async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = createConnection({ host: '127.0.0.1', port });
    try {
      await once(socket, 'connect');
    } catch {
      return;
    }
    socket.destroy();
  }
}

const THINGS = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/struct.proto";
import "vultr/options/v1/options.proto";
message Req { string id = 1; string name = 2; }
message Res { string name = 1; repeated string list = 2; }
message RawReq { string method = 1; string path = 2; string query = 3; google.protobuf.Value body = 4; }
service S {
  rpc Get(Req) returns (Res) {
    option (google.api.http) = { get: "/api/things/{id}" };
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc Secret(Req) returns (Res) {
    option (google.api.http) = { get: "/api/secrets/{id}" };
    option (vultr.options.v1.effect) = EFFECT_SECRET;
  }
  rpc Create(Req) returns (Res) {
    option (google.api.http) = { post: "/api/things" body: "*" };
    option (vultr.options.v1.effect) = EFFECT_CREATE;
    option (vultr.options.v1.create) = { id: "name" untagged: "the test has no tags" };
  }
  rpc Halt(Req) returns (Res) {
    option (google.api.http) = { post: "/api/things/{id}/halt" };
    option (vultr.options.v1.effect) = EFFECT_CHANGE;
  }
  rpc Options(Req) returns (Res) {
    option (google.api.http) = { custom { kind: "OPTIONS" path: "/api/things/{id}/options" } };
    option (vultr.options.v1.effect) = EFFECT_READ;
  }
  rpc Part(Req) returns (Res) { option (google.api.http) = { get: "/api/part" response_body: "list" }; }
  rpc Watch(Req) returns (stream Res) { option (google.api.http) = { get: "/api/things/{id}:watch" }; }
  rpc GetV2(Req) returns (Res) { option (google.api.http) = { get: "/v2/things/{id}" }; }
  rpc DeleteV2(Req) returns (Res) { option (google.api.http) = { delete: "/v2/things/{id}" }; }
  rpc HaltV2(Req) returns (Res) {
    option (google.api.http) = { post: "/v2/things/{id}/halt" };
    option (vultr.options.v1.effect) = EFFECT_CHANGE;
  }
  rpc Talk(stream Req) returns (stream Res);
  rpc Raw(RawReq) returns (Res) { option (vultr.options.v1.raw) = true; }
}
`;

let things: Promise<Contract> | undefined;

/** Starts the HTTP side with a small contract: calls below /api and /v2, a stream, and the rpc for what is not known. */
export async function startThings(
  handlers: TestHandlers = {},
  options: Omit<Partial<HttpServerOptions>, 'operations' | 'dispatcher' | 'resolveVultr'> = {},
): Promise<HttpServer & { url: string; dispatcher: RecordingDispatcher }> {
  things ??= compileContract(THINGS);
  const dispatcher = recordingDispatcher(handlers);
  const server = await startServer({ contract: await things, dispatcher, ...options });
  return { ...server, dispatcher };
}

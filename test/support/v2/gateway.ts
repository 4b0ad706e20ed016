import { fromBinary, type JsonObject, type Message, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import { type Dispatcher, Pool } from 'undici';
import { closeAtEnd } from '../opened.ts';
import { connectRaw } from '../raw-client.ts';
import { KEY, startService } from '../service.ts';
import type { Declared } from './declared.ts';

/** An HTTP response, its body as it came. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What may be said beside method and target. */
export interface HttpExtras {
  /** JSON text; undefined: no body. */
  readonly body?: string | undefined;
  /** Instead of the bearer header with KEY. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends an HTTP request, its target byte for byte as given. */
export type SendHttp = (method: string, target: string, extras?: HttpExtras) => Promise<HttpReply>;

/** The service in front of an upstream, and a caller of each transport. */
export interface Gateway {
  /** The base URL of the HTTP side. */
  readonly url: string;
  /**
   * Calls an rpc, the request encoded by protobuf-es. Rejects with a ServiceError.
   * @param key the API key. Default: KEY
   */
  grpc(rpc: Declared, request: Message, key?: string): Promise<JsonObject>;
  readonly http: SendHttp;
  /** The rpc that an HTTP response came from, as the service's log has it; empty: none. */
  rpcOf(answer: HttpReply): string;
}

/** A Struct of 100 levels is 300 messages deep, and an Any or a list around it a few more. */
const RECURSION_LIMIT = 400;

/** Starts the service. It is closed when the test ends. */
export async function startGateway(upstream: URL): Promise<Gateway> {
  const { app, log } = await startService({ upstream, httpListen: { host: '127.0.0.1', port: 0 } });
  const raw = connectRaw(app.grpcAddress);
  const url = `http://${app.httpAddress}`;
  return {
    url,
    http: connectHttp(url),
    rpcOf: ({ headers }) => {
      const { text } = log;
      const at = text.indexOf(String(headers['x-request-id']));
      const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
      return at < 0 ? '' : String(JSON.parse(line).method);
    },
    grpc: async (rpc, request, key = KEY) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${key}`);
      const answer = await raw.unary(`/${rpc.name}`, toBinary(rpc.input, request), metadata);
      return toJson(
        StructSchema,
        fromBinary(StructSchema, answer, { recursionLimit: RECURSION_LIMIT }),
      ) as JsonObject;
    },
  };
}

/** A client of any HTTP server; it sends KEY. Its connections are closed when the test ends. */
export function connectHttp(url: string): SendHttp {
  const pool = new Pool(url);
  closeAtEnd(() => pool.close());
  return async (method, target, { body, headers = { authorization: `Bearer ${KEY}` } } = {}) => {
    const answer = await pool.request({
      method: method as Dispatcher.HttpMethod,
      path: target,
      headers: { 'content-type': 'application/json', ...headers },
      body: body ?? null,
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: Buffer.from(await answer.body.bytes()),
    };
  };
}

import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream, ServerOptions } from 'node:http2';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Serves a call with grpc-js. */
export type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** The HTTP/2 server inside a server of grpc-js. */
export interface InnerServer {
  readonly http2: Http2Server;
  /** What grpc-js does with a call. It no longer happens by itself. */
  readonly serve: ServeStream;
}

/** The members of grpc-js's Server that it does not declare. */
interface Internals {
  readonly commonServerOptions: ServerOptions;
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>;
}

/**
 * Opens the HTTP/2 server of a grpc-js server with options that grpc-js has no names for, and intercepts its calls, so that
 * they can be checked before grpc-js sees them. This is the one place that reaches into grpc-js; the version is pinned, and
 * one without these members is refused at start.
 * @throws Error when grpc-js is not built like that
 */
export function openInnerServer(server: Server, options: ServerOptions): InnerServer {
  const { commonServerOptions, http2Servers } = server as unknown as Partial<Internals>;
  if (commonServerOptions === undefined || !(http2Servers instanceof Map)) throw new Error(UNKNOWN_BUILD);
  Object.assign(commonServerOptions, options);
  server.createConnectionInjector(ServerCredentials.createInsecure());
  const [http2] = http2Servers.keys() as MapIterator<Http2Server>;
  const [serve] = (http2?.listeners('stream') ?? []) as unknown as ServeStream[];
  if (http2 === undefined || serve === undefined) throw new Error(UNKNOWN_BUILD);
  http2.removeAllListeners('stream');
  return { http2, serve };
}

const UNKNOWN_BUILD = 'This version of @grpc/grpc-js is not built as src/grpc/http2-server.ts expects it.';

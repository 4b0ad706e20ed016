import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, HttpAnswer } from '../rpc/call.ts';
import type { Operation } from '../contract/operation.ts';
import type { HttpLimits } from './limits.ts';

/** What an extra route is asked. */
export interface ExtraRequest {
  readonly path: string;
  /** As it came, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

/** Serves one exact path, for GET and HEAD. */
export type ExtraRoute = (request: ExtraRequest) => HttpAnswer | Promise<HttpAnswer>;

/** What the HTTP side is made of. */
export interface HttpServerOptions {
  readonly operations: Iterable<Operation>;
  readonly dispatcher: Dispatcher;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Bounds other than the default ones. */
  readonly limits?: Partial<HttpLimits>;
  /** Paths that are served beside the operations, such as `/healthz`. */
  readonly extraRoutes?: ReadonlyMap<string, ExtraRoute>;
  /** The origins whose pages may call, `*` for all. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** How long an answer of the public catalogue may be kept by HTTP caches. Default: 0. */
  readonly catalogueFreshMs?: number;
  /** The clock, in milliseconds since the epoch. */
  readonly now?: () => number;
}

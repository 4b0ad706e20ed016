import type { IncomingHttpHeaders } from 'node:http';
import type { ServerTls } from '../access/server-tls.ts';
import type { Operation } from '../contract/operation.ts';
import type { Shedder } from '../pipeline/shedder.ts';
import type { Dispatcher, HttpReply, Reply } from '../rpc/call.ts';
import type { Evidence } from '../rpc/evidence.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { ResolveOperation } from '../v2/resolve.ts';

/** The bounds of the HTTP side. Memory is bounded in number and bytes, for each connection and for all together. */
export interface HttpLimits {
  /** The largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** The largest request line with all headers, in bytes. */
  readonly maxHeaderBytes: number;
  /** How long a whole request, body included, may take to arrive. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long a caller may leave a response unread before its connection is closed. */
  readonly writeTimeoutMs: number;
  /** The most connections with a request under way. */
  readonly maxConnections: number;
  /** How many connections more may be open: idle ones, and those of probes, which are served when all others are busy. */
  readonly reservedConnections: number;
  /** The most requests under way on one connection; with one more, the connection is ended. */
  readonly maxPipelined: number;
  /** The most requests under way on all connections. */
  readonly maxRequests: number;
  /** The most bytes that the bodies of all requests under way hold. */
  readonly maxReceivedBytes: number;
  /** The most bytes of responses that wait to be read; beyond it those that have waited for longest are cut off. */
  readonly maxUnreadBytes: number;
  /** How often a stream of server-sent events without news carries a comment, so that proxies keep it open. */
  readonly heartbeatMs: number;
}

/** The bounds unless the configuration says otherwise. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  writeTimeoutMs: 30_000,
  maxConnections: 1_000,
  reservedConnections: 100,
  maxPipelined: 100,
  maxRequests: 4_000,
  maxReceivedBytes: 64 * 1024 * 1024,
  maxUnreadBytes: 64 * 1024 * 1024,
  heartbeatMs: 15_000,
};

/** How long the connections of the HTTP side live. */
export interface HttpConnectionLife {
  /** The age from which the next response of a connection is its last one; undefined: there is none. */
  readonly maxAgeMs?: number | undefined;
  /** How long the requests under way then may run on. */
  readonly ageGraceMs: number;
}

export const DEFAULT_HTTP_CONNECTION_LIFE: HttpConnectionLife = { ageGraceMs: 3_600_000 };

/** The request to an extra route. */
export interface ExtraRequest {
  readonly path: string;
  /** As it came, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The address of the caller, for the log. */
  readonly peer: string;
  /** The caller's `x-request-id` when it is harmless, else a new one. */
  readonly requestId: string;
  /** What may prove who is calling. */
  readonly evidence: () => Evidence;
  /** Aborts when the caller left. */
  readonly signal: AbortSignal;
}

/** A response that goes on, as server-sent events or JSON lines. */
export interface ExtraStream {
  readonly messages: AsyncIterable<Reply>;
}

/** What an extra route replies with. */
export type ExtraReply = HttpReply | ExtraStream;

/** Serves one exact path, for GET and HEAD. What it throws is sent as an error. */
export type ExtraRoute = (request: ExtraRequest) => ExtraReply | Promise<ExtraReply>;

/** What the HTTP side needs. */
export interface HttpServerOptions {
  /** The operations that are served by their HTTP rules, but for those whose paths are Vultr's own. */
  readonly operations: Iterable<Operation>;
  /** Names the operation that a request below Vultr's own paths is for; such a request is passed on as it came. */
  readonly resolveVultr: ResolveOperation;
  readonly dispatcher: Dispatcher;
  /** Refuses calls when there are too many. Default: none is refused. */
  readonly shedder?: Shedder;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Bounds other than the default ones. */
  readonly limits?: Partial<HttpLimits>;
  /** The life of connections, where it is not the default one. */
  readonly life?: Partial<HttpConnectionLife>;
  /** Paths that are served beside the operations, such as `/healthz`. */
  readonly extraRoutes?: ReadonlyMap<string, ExtraRoute>;
  /** The origins whose pages may call, `*` for all. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** The names by which the service may be called, in lower case and without ports. Default: any. */
  readonly allowedHosts?: ReadonlySet<string> | undefined;
  /** Undefined: plain text. */
  readonly tls?: ServerTls | undefined;
  /** Where the HTTP side registers its metrics. */
  readonly meter?: Meter;
  /** The clock, in milliseconds since the epoch. */
  readonly now?: () => number;
}

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type { Shedder } from '../pipeline/shedder.ts';
import type { HttpReply, Incoming, Reply } from '../rpc/call.ts';
import { acceptedRequestId } from '../rpc/request-id.ts';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Passage } from './connections.ts';
import type { Target } from './destination.ts';
import type { HttpLimits, HttpServerOptions } from './options.ts';
import type { HeldBytes } from './request-body.ts';
import { sendResponse } from './response.ts';

/** A request that has been let in. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly passage: Passage;
  /** Asks a caller that waits for it (Expect: 100-continue) to send the body. */
  readonly proceed: () => void;
  /** How long it has waited to be looked at, in milliseconds. */
  waitedMs: number;
  /** What it turned out to be for, as the template of an operation, the path of an rpc or that of a page; never what a caller made up. */
  route: string | undefined;
}

/** The id of a request that is no call, for the log and for the caller: the caller's own when it is harmless, else a new one. */
export function requestIdOf({ request }: Exchange): string {
  return acceptedRequestId(request.headersDistinct['x-request-id']?.join(', ')) ?? randomUUID();
}

/** What requests are served with. */
export interface Tools {
  readonly options: HttpServerOptions;
  readonly limits: HttpLimits;
  readonly held: HeldBytes;
  readonly shedder: Shedder;
  readonly now: () => number;
}

/** Sends a response. A caller that leaves it unread for too long loses its connection. */
export function send(
  tools: Tools,
  exchange: Exchange,
  reply: HttpReply,
  headers: Readonly<Record<string, string>>,
  isKept = false,
): MaybeSoon<void> {
  return whenThere(sendResponse(exchange.response, reply, headers, isKept), () =>
    watchUnread(tools, exchange, reply.body.length),
  );
}

/** What the kernel took at once is held nowhere and needs no watching. */
function watchUnread({ limits, held }: Tools, { request, response, passage }: Exchange, bytes: number): void {
  if (response.writableLength === 0 && request.socket.writableLength === 0) return;
  held.send(passage, request.socket, bytes);
  response.setTimeout(limits.writeTimeoutMs, () => response.destroy());
}

/** Has a unary call served, and counts it as in progress until its reply is there. */
export function serveCounted(
  { options: { dispatcher }, shedder }: Tools,
  incoming: Incoming,
): MaybeSoon<Reply> {
  const replied = shedder.begin();
  const reply = dispatcher.unary(incoming);
  if (reply instanceof Promise) return reply.finally(replied);
  replied();
  return reply;
}

/** A request that has been served. */
export interface ServedRequest {
  readonly method: string;
  readonly route?: string | undefined;
  readonly response: Pick<ServerResponse, 'headersSent' | 'statusCode'>;
}

/** The methods that OpenTelemetry's conventions name; callers could make up others. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY'],
]);

/** Makes the function that measures each request of the HTTP side, once its response is on its way. */
export function measureRequests(
  meter: Meter | undefined,
  scheme: 'http' | 'https',
): (request: ServedRequest, durationMs: number) => void {
  if (meter === undefined) return () => undefined;
  const duration = meter.histogram(METRICS.httpServerDuration);
  return ({ method, route = '', response }, durationMs) => {
    const status = response.headersSent ? String(response.statusCode) : '';
    // A caller that has left gets no response.
    const errorType = status === '' ? 'no_response' : response.statusCode >= 500 ? status : '';
    duration.record(
      durationMs / 1_000,
      METHODS.has(method) ? method : '_OTHER',
      status,
      route,
      scheme,
      errorType,
    );
  };
}

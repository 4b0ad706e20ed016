import type { IncomingMessage } from 'node:http';
import { systemClock } from '../base/clock.ts';
import { type MaybeSoon, whenThere } from '../base/soon.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import { loadKindOf, NO_SHEDDER } from '../pipeline/shedder.ts';
import type { HttpReply, Incoming, Reply } from '../rpc/call.ts';
import { formatPeer } from '../rpc/peer.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { pickResponseBody } from '../transcoding/response-body.ts';
import { chooseView } from './accept.ts';
import { checkHost, checkOrigin, isPreflight, originHeaders, preflightHeaders } from './browser-guard.ts';
import { conditionalReply, isNotModified } from './conditional.ts';
import { createRpcRoutes } from './connect/rpc.ts';
import { createDestinations, type Destination } from './destination.ts';
import { methodNotAllowed, toErrorResponse } from './errors.ts';
import {
  type Exchange,
  measureRequests,
  requestIdOf,
  send as sendPlain,
  serveCounted,
  type Tools,
} from './exchange.ts';
import { HttpIncoming } from './incoming.ts';
import { evidenceOf, metadataHeaders, readCallHeaders } from './metadata.ts';
import type { ExtraReply, ExtraRequest, ExtraRoute, HttpLimits, HttpServerOptions } from './options.ts';
import { type HeldBytes, readBody } from './request-body.ts';
import { indentJson, takePretty } from './response.ts';
import { PROBE_PATHS } from './routes/service.ts';
import { sendStream } from './stream.ts';

/** Bodies up to this size are read to their end even when the request is refused. */
const SHORT_BODY_BYTES = 16 * 1024;

/** One request on its way. */
interface Work extends Exchange {
  readonly method: string;
  readonly responseMetadata: Map<string, string>;
  /** Whether the caller wants JSON that people can read. */
  readonly isPretty: boolean;
}

/** Serves one HTTP request, to its end. It neither throws nor rejects: a failure is a response. */
export type RequestHandler = (exchange: Exchange) => MaybeSoon<void>;

/**
 * Makes the function that serves the requests.
 * @throws HttpRuleError when two operations have the same route
 */
export function createHandler(
  options: HttpServerOptions,
  limits: HttpLimits,
  held: HeldBytes,
): RequestHandler {
  const { shedder = NO_SHEDDER, now = systemClock.now } = options;
  const tools: Tools = { options, limits, held, shedder, now };
  const { corsOrigins = [], allowedHosts } = options;
  const extraRoutes: ReadonlyMap<string, ExtraRoute> = options.extraRoutes ?? new Map();
  const operations = [...options.operations];
  const findRpc = createRpcRoutes(tools, operations);
  const findDestination = createDestinations(operations, options.resolveVultr, extraRoutes.keys());

  function serve(work: Work): MaybeSoon<void> {
    const { request, response, method, target } = work;
    if (corsOrigins.length > 0) {
      for (const [name, value] of Object.entries(originHeaders(corsOrigins, request.headers)))
        response.setHeader(name, value);
    }
    if (isPreflight(method, request.headers)) {
      const headers = preflightHeaders(corsOrigins, request.headers);
      return send(tools, work, { status: 204, contentType: undefined, body: NO_BODY }, headers);
    }
    const serveRpc = findRpc(work);
    if (serveRpc !== undefined) return serveRpc(work);
    const extra = extraRoutes.get(target.path);
    try {
      if (!PROBE_PATHS.has(target.path)) checkHost(allowedHosts, request.headers);
      if (extra !== undefined && method !== 'GET' && method !== 'HEAD')
        throw methodNotAllowed(method, ['GET', 'HEAD']);
    } catch (thrown) {
      throw refused(tools, work, thrown);
    }
    return extra === undefined ? serveCall(tools, work, findTarget(work)) : serveExtra(tools, work, extra);
  }

  function findTarget(work: Work): Destination {
    const { headers } = work.request;
    try {
      const destination = findDestination(work.method, work.target, headers);
      checkOrigin(corsOrigins, headers, destination.operation.effect);
      return destination;
    } catch (thrown) {
      throw refused(tools, work, thrown);
    }
  }

  async function fail(work: Work, thrown: unknown): Promise<void> {
    // Node knows whether the request is complete once it has read all that came with its head.
    await undefined;
    try {
      await sendError(tools, work, CallError.from(thrown));
    } catch {
      work.response.destroy();
    }
  }

  async function finishLater(work: Work, served: Promise<void>): Promise<void> {
    try {
      await served;
    } catch (thrown) {
      await fail(work, thrown);
    }
  }

  function start(work: Work): MaybeSoon<void> {
    try {
      const served = serve(work);
      return served instanceof Promise ? finishLater(work, served) : undefined;
    } catch (thrown) {
      return fail(work, thrown);
    }
  }

  const record = measureRequests(options.meter, options.tls === undefined ? 'http' : 'https');
  return (exchange) => {
    const startedAt = performance.now();
    const work = toWork(exchange);
    return whenThere(start(work), () => record(work, performance.now() - startedAt));
  };
}

const NO_BODY = new Uint8Array();

function toWork(exchange: Exchange): Work {
  const { request, target } = exchange;
  // What is passed on to Vultr is passed on whole.
  const { isPretty, query } = isVultrPath(target.path)
    ? { isPretty: false, query: target.query }
    : takePretty(target.query);
  const { response, passage, proceed, waitedMs, route } = exchange;
  return {
    request,
    response,
    target: isPretty ? { path: target.path, query } : target,
    passage,
    proceed,
    waitedMs,
    route,
    isPretty,
    method: request.method ?? '',
    responseMetadata: new Map(),
  };
}

/** A request that never reaches an operation is logged and counted, too. */
function refused({ options: { dispatcher } }: Tools, work: Work, thrown: unknown): CallError {
  const error = CallError.from(thrown);
  const { request, target } = work;
  const refusal = { transport: 'http', peer: formatPeer(request.socket), target: target.path } as const;
  dispatcher.refused({ ...refusal, requestId: giveId(work) }, error);
  return error;
}

/** The id of a request that is no call, which its caller is told, too. */
function giveId(work: Work): string {
  const id = requestIdOf(work);
  work.responseMetadata.set('x-request-id', id);
  return id;
}

function toExtraRequest(work: Work): ExtraRequest {
  const { request, target, passage } = work;
  const { headers, socket } = request;
  return {
    ...target,
    headers,
    peer: formatPeer(socket),
    requestId: giveId(work),
    evidence: () => evidenceOf(request, headers.authorization),
    get signal() {
      return passage.ending.signal;
    },
  };
}

function serveExtra(tools: Tools, work: Work, extra: ExtraRoute): MaybeSoon<void> {
  work.route = work.target.path;
  return whenThere(extra(toExtraRequest(work)), (reply) => sendExtra(tools, work, reply));
}

function sendExtra(tools: Tools, work: Work, reply: ExtraReply): MaybeSoon<void> {
  if ('messages' in reply) {
    const { heartbeatMs, writeTimeoutMs } = tools.limits;
    return sendStream(work.response, reply.messages, {
      headers: () => ({}),
      toJson: (message) => message.toJson(),
      heartbeatMs,
      writeTimeoutMs,
      signal: work.passage.ending.signal,
    });
  }
  const { method, request } = work;
  const { headers = {}, status } = reply;
  const { etag } = headers;
  const isKept = etag !== undefined;
  const isRead = status === 200 && (method === 'GET' || method === 'HEAD');
  return isKept && isRead && isNotModified(request.headers['if-none-match'], etag)
    ? send(tools, work, { status: 304, contentType: undefined, body: NO_BODY }, headers)
    : send(tools, work, reply, headers, isKept);
}

function serveCall(tools: Tools, work: Work, destination: Destination): MaybeSoon<void> {
  const { operation, binding } = destination;
  work.route = (binding ?? operation.bindings[0])?.template.source;
  const view = binding === undefined ? chooseView(work.method, work.request.headers.accept) : undefined;
  const load = view === undefined ? loadKindOf(operation) : 'watch';
  const overload = tools.shedder.objection(load, work.waitedMs);
  if (overload !== undefined) throw overload;
  const incoming = toIncoming(tools, work, destination, view);
  const isUnary = view === undefined && (operation.kind === 'unary' || binding === undefined);
  return isUnary
    ? whenThere(serveCounted(tools, incoming), (reply) => sendReply(tools, work, binding, reply))
    : serveStream(tools, work, binding, incoming);
}

function toIncoming(
  { limits, held, now }: Tools,
  work: Work,
  { operation, read }: Destination,
  view: Incoming['view'],
): Incoming {
  const { request, passage, responseMetadata, proceed, method, route } = work;
  const { metadata, timeoutMs, error } = readCallHeaders(request);
  return new HttpIncoming({
    exchange: work,
    operation,
    transport: 'http',
    form: undefined,
    metadata,
    deadline: timeoutMs === undefined ? undefined : now() + timeoutMs,
    responseMetadata,
    http: { method, route },
    view,
    read: () => {
      if (error !== undefined) throw error;
      const hold = (bytes: number): void => held.receive(passage, bytes);
      const deadline = now() + limits.requestTimeoutMs;
      return read(() => readBody(request, { limits, deadline, now, hold, proceed }));
    },
  });
}

function sendReply(
  tools: Tools,
  work: Work,
  binding: HttpBinding | undefined,
  reply: Reply,
): MaybeSoon<void> {
  if (work.passage.isGone) return;
  const cache = reply.origin?.cache;
  const conditional = conditionalReply(
    { method: work.method, ifNoneMatch: work.request.headers['if-none-match'] },
    reply.http ?? { status: 200, contentType: 'application/json', body: toJson(binding, reply) },
    cache,
  );
  const headers = {
    ...conditional.headers,
    ...metadataHeaders(work.responseMetadata),
    ...conditional.reply.headers,
  };
  return send(tools, work, conditional.reply, headers, cache !== undefined);
}

function serveStream(
  { options: { dispatcher }, limits }: Tools,
  { response, passage, responseMetadata }: Work,
  binding: HttpBinding | undefined,
  incoming: Incoming,
): Promise<void> {
  return sendStream(response, dispatcher.stream(incoming), {
    headers: () => metadataHeaders(responseMetadata),
    toJson: (reply) => toJson(binding, reply),
    heartbeatMs: limits.heartbeatMs,
    writeTimeoutMs: limits.writeTimeoutMs,
    signal: passage.ending.signal,
  });
}

async function sendError(tools: Tools, work: Work, error: CallError): Promise<void> {
  const { request, response, target, responseMetadata } = work;
  if (response.headersSent || response.destroyed) {
    // It is too late to report it: the connection ends abnormally, so that the response does not look complete.
    response.destroy();
    return;
  }
  // The rest of a body that nobody reads must not be taken for the next request. While the service is busy, a connection costs
  // more than a short body, which Node reads and throws away.
  const isKept = error.reason === 'OVERLOADED' && isShort(request);
  if (!request.complete && !isKept) response.setHeader('connection', 'close');
  const { status, headers, body } = toErrorResponse(error, {
    path: target.path,
    accept: request.headers.accept,
    requestId: responseMetadata.get('x-request-id'),
  });
  await send(
    tools,
    work,
    { status, contentType: headers['content-type'], body },
    { 'cache-control': 'no-store', ...metadataHeaders(responseMetadata), ...headers },
  );
}

/** Whether what is left of a body is not worth a new connection. */
function isShort({ headers: { 'content-length': length, expect } }: IncomingMessage): boolean {
  return length !== undefined && expect === undefined && Number(length) <= SHORT_BODY_BYTES;
}

/** Sends a response, indented for a caller that wants JSON that people can read. */
function send(
  tools: Tools,
  work: Work,
  reply: HttpReply,
  headers: Readonly<Record<string, string>>,
  isKept = false,
): MaybeSoon<void> {
  return work.isPretty && reply.contentType === 'application/json'
    ? sendPlain(tools, work, { ...reply, body: indentJson(reply.body) }, headers)
    : sendPlain(tools, work, reply, headers, isKept);
}

function toJson(binding: HttpBinding | undefined, reply: Reply): Uint8Array {
  const json = reply.toJson();
  return binding?.responseBody === undefined ? json : pickResponseBody(json, binding.responseBody);
}

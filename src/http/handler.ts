import type { IncomingMessage } from 'node:http';
import { systemClock } from '../base/clock.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import { loadKindOf, NO_SHEDDER } from '../pipeline/shedder.ts';
import type { HttpReply, Incoming, Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { pickResponseBody } from '../transcoding/response-body.ts';
import { chooseView } from './accept.ts';
import { checkHost, checkOrigin, isPreflight, originHeaders, preflightHeaders } from './browser-guard.ts';
import { conditionalReply, isNotModified } from './conditional.ts';
import { createRpcRoutes } from './connect/rpc.ts';
import { createDestinations, type Destination, formatPeer } from './destination.ts';
import { malformedTimeout, methodNotAllowed, toErrorResponse } from './errors.ts';
import { type Exchange, measureRequests, requestIdOf, send as sendPlain, type Tools } from './exchange.ts';
import {
  type DistinctHeaders,
  evidenceOf,
  headersOfInterest,
  metadataHeaders,
  parseGrpcTimeout,
  requestMetadata,
} from './metadata.ts';
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

/** Serves one HTTP request, to its end. Never throws: a failure is a response. */
export type RequestHandler = (exchange: Exchange) => Promise<void>;

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

  async function serve(work: Work): Promise<void> {
    const { request, response, method, target } = work;
    if (corsOrigins.length > 0) {
      for (const [name, value] of Object.entries(originHeaders(corsOrigins, request.headers)))
        response.setHeader(name, value);
    }
    if (isPreflight(method, request.headers)) {
      const headers = preflightHeaders(corsOrigins, request.headers);
      await send(tools, work, { status: 204, contentType: undefined, body: new Uint8Array() }, headers);
      return;
    }
    const serveRpc = findRpc(work);
    if (serveRpc !== undefined) {
      await serveRpc(work);
      return;
    }
    const extra = extraRoutes.get(target.path);
    const destination = noted(tools, work, () => {
      if (!PROBE_PATHS.has(target.path)) checkHost(allowedHosts, request.headers);
      if (extra !== undefined) {
        if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(method, ['GET', 'HEAD']);
        return undefined;
      }
      const found = findDestination(method, target, request.headers);
      checkOrigin(corsOrigins, request.headers, found.operation.effect);
      return found;
    });
    if (destination !== undefined) await serveCall(tools, work, destination);
    else if (extra !== undefined) {
      work.route = target.path;
      await sendExtra(tools, work, await extra(toExtraRequest(work)));
    }
  }

  const record = measureRequests(options.meter, options.tls === undefined ? 'http' : 'https');
  return async (exchange) => {
    const startedAt = performance.now();
    const work = toWork(exchange);
    try {
      await serve(work);
    } catch (thrown) {
      await sendError(tools, work, CallError.from(thrown)).catch(() => exchange.response.destroy());
    }
    record(work, performance.now() - startedAt);
  };
}

function toWork(exchange: Exchange): Work {
  const { request, target } = exchange;
  // What is passed on to Vultr is passed on whole.
  const { isPretty, query } = isVultrPath(target.path)
    ? { isPretty: false, query: target.query }
    : takePretty(target.query);
  return {
    ...exchange,
    target: { path: target.path, query },
    isPretty,
    method: request.method ?? '',
    responseMetadata: new Map(),
  };
}

/** A request that never reaches an operation is logged and counted, too. */
function noted<Value>({ options: { dispatcher } }: Tools, work: Work, find: () => Value): Value {
  try {
    return find();
  } catch (thrown) {
    const error = CallError.from(thrown);
    const { request, target } = work;
    const refused = { transport: 'http', peer: formatPeer(request.socket), target: target.path } as const;
    dispatcher.refused({ ...refused, requestId: giveId(work) }, error);
    throw error;
  }
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
      return passage.signal;
    },
  };
}

async function sendExtra(tools: Tools, work: Work, reply: ExtraReply): Promise<void> {
  if ('messages' in reply) {
    const { heartbeatMs, writeTimeoutMs } = tools.limits;
    await sendStream(work.response, reply.messages, {
      headers: () => ({}),
      toJson: (message) => message.toJson(),
      heartbeatMs,
      writeTimeoutMs,
      signal: work.passage.signal,
    });
    return;
  }
  const { method, request } = work;
  const { headers = {}, status } = reply;
  const { etag } = headers;
  const isKept = etag !== undefined;
  const isRead = status === 200 && (method === 'GET' || method === 'HEAD');
  if (isKept && isRead && isNotModified(request.headers['if-none-match'], etag))
    await send(tools, work, { status: 304, contentType: undefined, body: new Uint8Array() }, headers);
  else await send(tools, work, reply, headers, isKept);
}

async function serveCall(tools: Tools, work: Work, destination: Destination): Promise<void> {
  const { operation, binding } = destination;
  work.route = (binding ?? operation.bindings[0])?.template.source;
  const view = binding === undefined ? chooseView(work.method, work.request.headers.accept) : undefined;
  const load = view === undefined ? loadKindOf(operation) : 'watch';
  const overload = tools.shedder.objection(load, work.waitedMs);
  if (overload !== undefined) throw overload;
  const incoming = toIncoming(tools, work, destination);
  if (view !== undefined) await serveStream(tools, work, undefined, { ...incoming, view });
  else if (operation.kind === 'unary' || binding === undefined)
    await serveUnary(tools, work, binding, incoming);
  else await serveStream(tools, work, binding, incoming);
}

function toIncoming({ limits, held, now }: Tools, work: Work, { operation, read }: Destination): Incoming {
  const { request, passage, responseMetadata, proceed } = work;
  const deadline = now() + limits.requestTimeoutMs;
  // Headers that cannot be read fail the call where its request is read, so that it is logged as one of its operation.
  const headers = attempt(() => {
    const given = headersOfInterest(request.rawHeaders);
    return { metadata: requestMetadata(given), timeoutMs: timeoutOf(given) };
  });
  const timeoutMs = headers.value?.timeoutMs;
  const hold = (bytes: number): void => held.receive(passage, bytes);
  return {
    operation,
    transport: 'http',
    peer: formatPeer(request.socket),
    evidence: () => evidenceOf(request, headers.value?.metadata.get('authorization')),
    metadata: headers.value?.metadata ?? new Map(),
    get signal() {
      return passage.signal;
    },
    deadline: timeoutMs === undefined ? undefined : now() + timeoutMs,
    responseMetadata,
    http: { method: work.method, route: work.route },
    read: async () => {
      if (headers.error !== undefined) throw headers.error;
      return await read(() => readBody(request, { limits, deadline, now, hold, proceed }));
    },
  };
}

async function serveUnary(
  tools: Tools,
  work: Work,
  binding: HttpBinding | undefined,
  incoming: Incoming,
): Promise<void> {
  const replied = tools.shedder.begin();
  const reply = await tools.options.dispatcher.unary(incoming).finally(replied);
  if (work.passage.isGone) return;
  const conditional = conditionalReply(
    { method: work.method, ifNoneMatch: work.request.headers['if-none-match'] },
    reply.http ?? { status: 200, contentType: 'application/json', body: toJson(binding, reply) },
    reply.origin?.cache,
  );
  const headers = {
    ...conditional.headers,
    ...metadataHeaders(work.responseMetadata),
    ...conditional.reply.headers,
  };
  await send(tools, work, conditional.reply, headers, reply.origin?.cache !== undefined);
}

async function serveStream(
  { options: { dispatcher }, limits }: Tools,
  { response, passage, responseMetadata }: Work,
  binding: HttpBinding | undefined,
  incoming: Incoming,
): Promise<void> {
  await sendStream(response, dispatcher.stream(incoming), {
    headers: () => metadataHeaders(responseMetadata),
    toJson: (reply) => toJson(binding, reply),
    heartbeatMs: limits.heartbeatMs,
    writeTimeoutMs: limits.writeTimeoutMs,
    signal: passage.signal,
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
async function send(
  tools: Tools,
  work: Work,
  given: HttpReply,
  headers: Readonly<Record<string, string>>,
  isKept = false,
): Promise<void> {
  const isIndented = work.isPretty && given.contentType === 'application/json';
  const reply = isIndented ? { ...given, body: indentJson(given.body) } : given;
  await sendPlain(tools, work, reply, headers, isKept && !isIndented);
}

function toJson(binding: HttpBinding | undefined, reply: Reply): Uint8Array {
  const json = reply.toJson();
  return binding?.responseBody === undefined ? json : pickResponseBody(json, binding.responseBody);
}

function timeoutOf(headers: DistinctHeaders): number | undefined {
  const values = headers['grpc-timeout'];
  if (values === undefined) return undefined;
  const timeoutMs = values.length === 1 ? parseGrpcTimeout(values[0] ?? '') : undefined;
  if (timeoutMs === undefined) throw malformedTimeout();
  return timeoutMs;
}

function attempt<Value>(make: () => Value): { value?: Value; error?: CallError } {
  try {
    return { value: make() };
  } catch (thrown) {
    return { error: CallError.from(thrown) };
  }
}

import { systemClock } from '../base/clock.ts';
import type { Incoming, Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { pickResponseBody } from '../transcoding/response-body.ts';
import { chooseView } from './accept.ts';
import { checkHost, checkOrigin, isPreflight, originHeaders, preflightHeaders } from './browser-guard.ts';
import { conditionalReply } from './conditional.ts';
import { createRpcRoutes } from './connect/rpc.ts';
import { createDestinations, type Destination } from './destination.ts';
import { toErrorResponse } from './error-response.ts';
import { malformedTimeout, methodNotAllowed } from './errors.ts';
import { evidenceOf } from './evidence.ts';
import { type Exchange, send, type Tools } from './exchange.ts';
import type { HeldBytes } from './held-bytes.ts';
import {
  type DistinctHeaders,
  headersOfInterest,
  metadataHeaders,
  parseGrpcTimeout,
  requestMetadata,
} from './metadata.ts';
import type { ExtraRequest, ExtraRoute, HttpLimits, HttpServerOptions } from './options.ts';
import { readBody } from './read-body.ts';
import { PROBE_PATHS } from './service-routes.ts';
import { sendStream } from './stream.ts';
import { formatPeer } from './target.ts';

/** One request on its way. */
interface Work extends Exchange {
  readonly method: string;
  readonly responseMetadata: Map<string, string>;
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
  const tools: Tools = { options, limits, held, now: options.now ?? systemClock.now };
  const { dispatcher, corsOrigins = [], allowedHosts } = options;
  const extraRoutes: ReadonlyMap<string, ExtraRoute> = options.extraRoutes ?? new Map();
  const operations = [...options.operations];
  const findRpc = createRpcRoutes(tools, operations);
  const findDestination = createDestinations(operations, options.resolveVultr);

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
    const destination = noted(work, () => {
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
      const reply = await extra(toExtraRequest(work));
      await send(tools, work, reply, reply.headers ?? {});
    }
  }

  /** A request that never reaches an operation is logged and counted, too. */
  function noted<Value>({ request, target }: Work, find: () => Value): Value {
    try {
      return find();
    } catch (thrown) {
      const error = CallError.from(thrown);
      const peer = formatPeer(request.socket);
      dispatcher.refused({ transport: 'http', peer, target: target.path }, error);
      throw error;
    }
  }

  return async (exchange) => {
    const { request, response } = exchange;
    const work: Work = {
      ...exchange,
      method: request.method ?? '',
      responseMetadata: new Map(),
    };
    try {
      await serve(work);
    } catch (thrown) {
      await sendError(tools, work, CallError.from(thrown)).catch(() => response.destroy());
    }
  };
}

function toExtraRequest({ request, target }: Work): ExtraRequest {
  const { headers, socket } = request;
  return {
    ...target,
    headers,
    peer: formatPeer(socket),
    evidence: () => evidenceOf(request, headers.authorization),
  };
}

async function serveCall(tools: Tools, work: Work, destination: Destination): Promise<void> {
  const { operation, binding } = destination;
  const incoming = toIncoming(tools, work, destination);
  const view = binding === undefined ? chooseView(work.method, work.request.headers.accept) : undefined;
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
  const reply = await tools.options.dispatcher.unary(incoming);
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
  // The rest of a body that nobody reads must not be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  const { status, headers, body } = toErrorResponse(error, target.path);
  await send(
    tools,
    work,
    { status, contentType: headers['content-type'], body },
    { 'cache-control': 'no-store', ...metadataHeaders(responseMetadata), ...headers },
  );
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

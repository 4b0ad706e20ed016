import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import type { HttpReply, Incoming, IncomingRequest, Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { decodeHttpRequest } from '../transcoding/decode-http.ts';
import { findPathFault } from '../transcoding/plain-path.ts';
import { pickResponseBody } from '../transcoding/response-body.ts';
import { createRouter } from '../transcoding/router.ts';
import { isForwarded } from '../v2/resolve.ts';
import { conditionalReply } from './conditional.ts';
import { isPreflight, originHeaders, preflightHeaders } from './cors.ts';
import { toErrorResponse } from './error-response.ts';
import { callerGone, malformedTimeout, methodNotAllowed, pathNotPlain, unknownPath } from './errors.ts';
import { metadataHeaders, parseGrpcTimeout, requestMetadata } from './metadata.ts';
import type { ExtraRoute, HttpLimits, HttpServerOptions } from './options.ts';
import { readBody } from './read-body.ts';
import { sendResponse } from './response.ts';
import { sendStream } from './stream.ts';
import { formatPeer, parseTarget, type Target } from './target.ts';

/** One request on its way. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly responseMetadata: Map<string, string>;
  /** Aborts when the caller left before the response was out. */
  readonly signal: AbortSignal;
  /** Asks a caller that waits for it (Expect: 100-continue) to send the body. */
  readonly proceed: () => void;
}

/** Serves one HTTP request, to its end. Never throws: a failure is a response. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  expectation?: '100-continue',
) => Promise<void>;

/** What a request is for, and how it is read. */
interface Destination {
  readonly operation: Operation;
  /** Undefined: the request is passed on as it came. */
  readonly binding: HttpBinding | undefined;
  readonly read: (body: () => Promise<Uint8Array>) => Promise<IncomingRequest>;
}

/**
 * Makes the function that serves the requests.
 * @throws HttpRuleError when two operations have the same route
 */
export function createHandler(options: HttpServerOptions, limits: HttpLimits): RequestHandler {
  const {
    dispatcher,
    extraRoutes = new Map<string, ExtraRoute>(),
    corsOrigins = [],
    now = systemClock.now,
  } = options;
  const router = createRouter(
    [...options.operations]
      .filter((operation) => !isForwarded(operation))
      .flatMap((operation) => operation.bindings.map((binding) => ({ binding, target: operation }))),
  );

  async function serve(exchange: Exchange): Promise<void> {
    const { request, response, target } = exchange;
    const method = request.method ?? '';
    for (const [name, value] of Object.entries(originHeaders(corsOrigins, request.headers)))
      response.setHeader(name, value);
    if (isPreflight(method, request.headers)) {
      const headers = preflightHeaders(corsOrigins, request.headers);
      await send(exchange, { status: 204, contentType: undefined, body: new Uint8Array() }, headers);
      return;
    }
    const extra = extraRoutes.get(target.path);
    if (extra !== undefined) {
      if (method !== 'GET' && method !== 'HEAD')
        throw refuse(exchange, methodNotAllowed(method, ['GET', 'HEAD']));
      const reply = await extra({ ...target, headers: request.headers });
      await send(exchange, reply, reply.headers ?? {});
      return;
    }
    const destination = findDestination(exchange, method);
    const incoming = toIncoming(exchange, destination);
    if (destination.operation.kind === 'unary' || destination.binding === undefined)
      await serveUnary(exchange, destination, incoming);
    else await serveStream(exchange, destination.binding, incoming);
  }

  function findDestination(exchange: Exchange, method: string): Destination {
    try {
      return isVultrPath(exchange.target.path) ? toVultr(exchange, method) : toOperation(exchange, method);
    } catch (thrown) {
      throw refuse(exchange, CallError.from(thrown));
    }
  }

  /** A request to Vultr itself: what arrives is what is sent. The contract only names it. */
  function toVultr({ request, target: { path, query } }: Exchange, method: string): Destination {
    const fault = findPathFault(path);
    if (fault !== undefined) throw pathNotPlain(fault);
    const { accept, 'content-type': contentType } = request.headers;
    return {
      operation: options.resolveVultr(method, path),
      binding: undefined,
      read: async (readWhole) => {
        const body = await readWhole();
        return {
          kind: 'verbatim',
          request: {
            method,
            path,
            query,
            contentType,
            // `*/*` is what clients send that do not care.
            accept: accept === '*/*' ? undefined : accept,
            body: body.length === 0 ? undefined : body,
          },
        };
      },
    };
  }

  function toOperation({ request, target }: Exchange, method: string): Destination {
    const match = router.match(method, target.path);
    if (match.kind !== 'match')
      throw match.kind === 'unknown' ? unknownPath() : methodNotAllowed(method, match.allow);
    const { binding, target: operation, values } = match;
    return {
      operation,
      binding,
      read: async (readWhole) => {
        const contentType = request.headers['content-type'];
        const body = binding.body === 'none' ? new Uint8Array() : await readWhole();
        const parts = { values, query: target.query, contentType, body };
        const message = decodeHttpRequest(binding, parts, (read) => validate(operation.input, read));
        return { kind: 'message', message };
      },
    };
  }

  function refuse(exchange: Exchange, error: CallError): CallError {
    dispatcher.refused(
      { transport: 'http', peer: formatPeer(exchange.request.socket), target: exchange.target.path },
      error,
    );
    return error;
  }

  function toIncoming(exchange: Exchange, { operation, read }: Destination): Incoming {
    const { request, responseMetadata, signal, proceed } = exchange;
    const arrivedBy = now() + limits.requestTimeoutMs;
    // Headers that cannot be read fail the call where its request is read, so that it is logged as one of its operation.
    const headers = attempt(() => ({
      metadata: requestMetadata(request.headersDistinct),
      timeoutMs: timeoutOf(request),
    }));
    const timeoutMs = headers.value?.timeoutMs;
    return {
      operation,
      transport: 'http',
      peer: formatPeer(request.socket),
      metadata: headers.value?.metadata ?? new Map(),
      signal,
      deadline: timeoutMs === undefined ? undefined : now() + timeoutMs,
      responseMetadata,
      read: async () => {
        if (headers.error !== undefined) throw headers.error;
        return await read(() => readBody(request, limits, arrivedBy, now, proceed));
      },
    };
  }

  async function serveUnary(
    exchange: Exchange,
    { binding }: Destination,
    incoming: Incoming,
  ): Promise<void> {
    const reply = await dispatcher.unary(incoming);
    if (exchange.signal.aborted) return;
    const { request, responseMetadata } = exchange;
    const conditional = conditionalReply(
      { method: request.method ?? '', ifNoneMatch: request.headers['if-none-match'] },
      reply.http ?? { status: 200, contentType: 'application/json', body: toJson(binding, reply) },
      reply.origin?.cache,
    );
    const { headers = {} } = conditional.reply;
    await send(exchange, conditional.reply, {
      ...conditional.headers,
      ...metadataHeaders(responseMetadata),
      ...headers,
    });
  }

  async function serveStream(exchange: Exchange, binding: HttpBinding, incoming: Incoming): Promise<void> {
    await sendStream(exchange.response, dispatcher.stream(incoming), {
      headers: () => metadataHeaders(exchange.responseMetadata),
      toJson: (reply) => toJson(binding, reply),
      heartbeatMs: limits.heartbeatMs,
      writeTimeoutMs: limits.writeTimeoutMs,
      signal: exchange.signal,
    });
  }

  return async (request, response, expectation) => {
    const controller = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) controller.abort(callerGone());
    });
    const target = parseTarget(request.url ?? '/');
    const responseMetadata = new Map<string, string>();
    const proceed = (): void => {
      if (expectation !== undefined) response.writeContinue();
    };
    const exchange = { request, response, target, responseMetadata, signal: controller.signal, proceed };
    try {
      await serve(exchange);
    } catch (thrown) {
      await sendError(exchange, CallError.from(thrown)).catch(() => response.destroy());
    }
  };

  async function sendError(exchange: Exchange, error: CallError): Promise<void> {
    const { request, response, target, responseMetadata } = exchange;
    if (response.headersSent || response.destroyed) {
      // There is no way left to say it: the connection ends abnormally, so that the response does not look complete.
      response.destroy();
      return;
    }
    // The rest of a body that nobody reads must not be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    const { status, headers, body } = toErrorResponse(error, target.path);
    await send(
      exchange,
      { status, contentType: headers['content-type'], body },
      { 'cache-control': 'no-store', ...metadataHeaders(responseMetadata), ...headers },
    );
  }

  /** Sends a response. A caller that leaves it unread for too long loses its connection. */
  async function send(
    { response }: Exchange,
    reply: HttpReply,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    response.setTimeout(limits.writeTimeoutMs, () => response.destroy());
    await sendResponse(response, reply, headers);
  }
}

function toJson(binding: HttpBinding | undefined, reply: Reply): Uint8Array {
  const json = reply.toJson();
  return binding?.responseBody === undefined ? json : pickResponseBody(json, binding.responseBody);
}

function timeoutOf(request: IncomingMessage): number | undefined {
  const values = request.headersDistinct['grpc-timeout'];
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

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpAnswer, Incoming, Reply } from '../rpc/call.ts';
import type { HttpBinding } from '../contract/operation.ts';
import { CallError } from '../status/call-error.ts';
import { sendAnswer } from './answer.ts';
import { conditionalAnswer } from './conditional.ts';
import { isPreflight, originHeaders, preflightHeaders } from './cors.ts';
import { decodeHttpRequest } from '../transcoding/decode-http.ts';
import { toErrorAnswer } from './error-body.ts';
import { callerGone, malformedTimeout, methodNotAllowed, unknownPath } from './errors.ts';
import { parseGrpcTimeout } from './grpc-timeout.ts';
import type { HttpLimits } from './limits.ts';
import type { ExtraRoute, HttpServerOptions } from './options.ts';
import { formatPeer } from './peer.ts';
import { readBody } from './read-body.ts';
import { requestMetadata } from './request-metadata.ts';
import { pickResponseBody } from '../transcoding/response-body.ts';
import { metadataHeaders } from './response-headers.ts';
import { createRouter } from '../transcoding/router.ts';
import { sendStream } from './stream-answer.ts';
import { parseTarget, type Target } from './target.ts';

/** One request on its way. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly responseMetadata: Map<string, string>;
  /** Aborts when the caller left before the answer was out. */
  readonly signal: AbortSignal;
  /** Asks a caller that waits for it (Expect: 100-continue) to send the body. */
  readonly proceed: () => void;
}

/** Serves one HTTP request, to its end. Never throws: a failure is an answer. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  expectation?: '100-continue',
) => Promise<void>;

/**
 * Makes the function that serves the requests.
 * @throws ContractError when two operations have the same route
 */
export function createHandler(options: HttpServerOptions, limits: HttpLimits): RequestHandler {
  const {
    dispatcher,
    extraRoutes = new Map<string, ExtraRoute>(),
    corsOrigins = [],
    catalogueFreshMs = 0,
    now = Date.now,
  } = options;
  const router = createRouter(options.operations);

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
      await send(exchange, await extra({ ...target, headers: request.headers }), {});
      return;
    }
    const { binding, values } = route(exchange, method);
    const incoming = toIncoming(exchange, binding, values);
    if (binding.operation.kind === 'unary') await serveUnary(exchange, binding, incoming);
    else await serveStream(exchange, binding, incoming);
  }

  function route(exchange: Exchange, method: string): { binding: HttpBinding; values: readonly string[] } {
    let match: ReturnType<typeof router.match>;
    try {
      match = router.match(method, exchange.target.path);
    } catch (thrown) {
      throw refuse(exchange, CallError.from(thrown));
    }
    if (match.kind === 'match') return match;
    throw refuse(exchange, match.kind === 'unknown' ? unknownPath() : methodNotAllowed(method, match.allow));
  }

  function refuse(exchange: Exchange, error: CallError): CallError {
    dispatcher.refused(
      { transport: 'http', peer: formatPeer(exchange.request.socket), target: exchange.target.path },
      error,
    );
    return error;
  }

  function toIncoming(exchange: Exchange, binding: HttpBinding, values: readonly string[]): Incoming {
    const { request, target, responseMetadata, signal, proceed } = exchange;
    const arrivedBy = now() + limits.requestTimeoutMs;
    // Headers that cannot be read fail the call where its request is read, so that it is logged as one of its operation.
    const headers = attempt(() => ({
      metadata: requestMetadata(request.headersDistinct),
      timeoutMs: timeoutOf(request),
    }));
    const timeoutMs = headers.value?.timeoutMs;
    return {
      operation: binding.operation,
      transport: 'http',
      peer: formatPeer(request.socket),
      metadata: headers.value?.metadata ?? new Map(),
      signal,
      deadline: timeoutMs === undefined ? undefined : now() + timeoutMs,
      responseMetadata,
      decode: async () => {
        if (headers.error !== undefined) throw headers.error;
        const contentType = request.headers['content-type'];
        const body =
          binding.body === 'none'
            ? new Uint8Array()
            : await readBody(request, limits, arrivedBy, now, proceed);
        return decodeHttpRequest(binding, { values, query: target.query, contentType, body });
      },
    };
  }

  async function serveUnary(exchange: Exchange, binding: HttpBinding, incoming: Incoming): Promise<void> {
    const reply = await dispatcher.unary(incoming);
    const answer = reply.http ?? {
      status: 200,
      contentType: 'application/json',
      body: toJson(binding, reply),
    };
    if (exchange.signal.aborted) return;
    const { request, responseMetadata } = exchange;
    const conditional = conditionalAnswer(
      { method: request.method ?? '', ifNoneMatch: request.headers['if-none-match'] },
      answer,
      responseMetadata,
      catalogueFreshMs,
    );
    const headers = { ...conditional.headers, ...metadataHeaders(responseMetadata) };
    await send(exchange, conditional.answer, headers);
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
      // There is no way left to say it: the connection ends abnormally, so that the answer does not look complete.
      response.destroy();
      return;
    }
    // The rest of a body that nobody reads must not be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    const { status, headers, body } = toErrorAnswer(error, target.path);
    await send(
      exchange,
      { status, contentType: 'application/json', body },
      { 'cache-control': 'no-store', ...metadataHeaders(responseMetadata), ...headers },
    );
  }

  /** Sends an answer. A caller that leaves it unread for too long loses its connection. */
  async function send(
    { response }: Exchange,
    answer: HttpAnswer,
    headers: Record<string, string>,
  ): Promise<void> {
    response.setTimeout(limits.writeTimeoutMs, () => response.destroy());
    await sendAnswer(response, answer, headers);
  }
}

function toJson(binding: HttpBinding, reply: Reply): Uint8Array {
  const json = reply.toJson();
  return binding.responseBody === undefined ? json : pickResponseBody(json, binding.responseBody);
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

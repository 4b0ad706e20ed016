import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { spreadRetry } from '../base/spread.ts';
import { isVultrPath } from '../contract/vultr-path.ts';
import { renderError } from '../pages/error-page.ts';
import { HTML, PAGE_HEADERS } from '../pages/layout.ts';
import { CallError } from '../status/call-error.ts';
import { CODES } from '../status/code.ts';
import { statusMessage, toStatusJson } from '../status/rpc-status.ts';
import { chooseView, prefersHtml } from './accept.ts';
import type { HttpLimits } from './options.ts';

/** A failure as an HTTP response. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The request that failed, as far as it got. */
export interface FailedRequest {
  readonly path: string;
  readonly accept: string | undefined;
  readonly requestId: string | undefined;
}

/**
 * Writes a failure as an HTTP response: the JSON of google.rpc.Status; below Vultr's own paths Vultr's own response as it
 * came, or, for a failure of this service, Vultr's error object in front of google.rpc.Status. A person who has opened the
 * address in a browser gets a page, unless the failure is Vultr's own response.
 * @param request undefined when it did not get that far
 */
export function toErrorResponse(error: CallError, request: FailedRequest | undefined): ErrorResponse {
  const path = request?.path;
  const isVultr = path !== undefined && isVultrPath(path);
  const verbatim = isVultr ? error.vultr?.response : undefined;
  // Who asked for a stream cannot take the JSON of a success for its first message.
  const isMistakable = (verbatim?.status ?? 0) < 400 && chooseView('GET', request?.accept) !== undefined;
  if (verbatim !== undefined && !isMistakable) {
    const { status, contentType, retryAfter, body } = verbatim;
    return {
      status,
      headers: {
        ...(contentType !== '' && { 'content-type': contentType }),
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
      },
      body,
    };
  }
  const ownStatus = error.httpStatus ?? CODES[error.code].http;
  const status = isVultr ? (error.vultr?.status ?? ownStatus) : ownStatus;
  const json = toStatusJson(error, request?.requestId);
  const body = isVultr ? { error: error.vultr?.error ?? statusMessage(error), status, ...json } : json;
  const headers: Record<string, string> = { 'content-type': 'application/json', ...error.httpHeaders };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.retryDelayMs !== undefined)
    headers['retry-after'] = String(Math.ceil(Math.max(0, error.retryDelayMs) / 1000));
  if (prefersHtml(request?.accept)) {
    const page = toErrorPage(error, { status, json: body, requestId: request?.requestId });
    return { status, headers: { ...headers, ...page.headers }, body: page.body };
  }
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

/** A failure in the middle of a stream, when the HTTP status is out already: google.rpc.Status as JSON text. */
export function toStatusText(error: CallError): string {
  return JSON.stringify(toStatusJson(error));
}

/** How long a refused caller has to read its response before the connection is destroyed. */
const LINGER_MS = 1_000;

/** What a fault that node found in a request means; undefined when the connection is simply gone. */
export function classifyClientError(
  error: Error & { code?: string },
  limits: HttpLimits,
): CallError | undefined {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return headersTooLarge(limits);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout(limits);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return malformedRequest(error);
  }
}

/** Responds on the bare connection, as there is no request to respond to, and closes it. */
export function refuseConnection(socket: Duplex, error: CallError): void {
  const { status, headers, body } = toErrorResponse(error, undefined);
  const fields = { ...headers, 'content-length': String(body.length), connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${Buffer.from(body).toString('utf8')}`,
  );
  // What the caller still sends is read and thrown away for a moment: to close on it would reset the connection, and
  // the caller would lose the response.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** A failure as the page of a person. */
export function toErrorPage(
  error: CallError,
  { status, json, requestId }: { status: number; json: unknown; requestId: string | undefined },
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } {
  const page = renderError({
    status,
    title: STATUS_CODES[status] ?? 'Failure',
    message: statusMessage(error),
    reason: error.reason,
    violations: error.violations.slice(0, 50),
    suggestion: error.metadata['suggestion'],
    retryAfterS:
      error.retryDelayMs === undefined ? undefined : Math.ceil(Math.max(0, error.retryDelayMs) / 1_000),
    requestId,
    json: JSON.stringify(json, undefined, 2),
  });
  return { headers: { ...PAGE_HEADERS, 'content-type': HTML }, body: Buffer.from(page) };
}

/** When those may come back, at the earliest, for whom there is no room. */
const RETRY_MS = 1_000;

/**
 * No operation has the path.
 * @param suggestion the path or path template that was probably meant
 */
export function unknownPath(suggestion: string | undefined): CallError {
  const advice =
    suggestion === undefined
      ? 'GET /docs and /openapi.json list what there is.'
      : `Did you mean ${suggestion}?`;
  return new CallError('NOT_FOUND', 'ROUTE_NOT_FOUND', `There is no operation at this path. ${advice}`, {
    ...(suggestion !== undefined && { metadata: { suggestion } }),
  });
}

/** The path would mean something else to the next one who reads it. */
export function pathNotPlain(fault: string): CallError {
  return new CallError('INVALID_ARGUMENT', 'INVALID_REQUEST', `The path ${fault}.`);
}

/**
 * The path has operations, but for other methods.
 * @param advice what to send, as whole sentences
 */
export function methodNotAllowed(method: string, allow: readonly string[], advice = ''): CallError {
  const list = allow.join(', ');
  const message = `This path accepts ${list}, not ${method}. ${advice}`.trim();
  return new CallError('UNIMPLEMENTED', 'METHOD_NOT_ALLOWED', message, {
    httpStatus: 405,
    httpHeaders: { allow: list },
  });
}

/** The body is over its limit. */
export function bodyTooLarge({ maxBodyBytes }: HttpLimits): CallError {
  return new CallError('RESOURCE_EXHAUSTED', 'REQUEST_TOO_LARGE', `The body is over ${maxBodyBytes} bytes.`, {
    httpStatus: 413,
  });
}

/** Request line and headers are over their limit. */
export function headersTooLarge({ maxHeaderBytes }: HttpLimits): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'REQUEST_TOO_LARGE',
    `The request line and the headers are over ${maxHeaderBytes} bytes.`,
    { httpStatus: 431 },
  );
}

/** The request did not arrive in time. */
export function requestTimeout({ requestTimeoutMs }: HttpLimits): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'REQUEST_TIMEOUT',
    `The request did not arrive within ${requestTimeoutMs} milliseconds.`,
    { httpStatus: 408 },
  );
}

/** There are as many requests under way as are allowed, on this connection or in all. */
export function tooManyRequests({ maxPipelined, maxRequests }: HttpLimits): CallError {
  return new CallError(
    'UNAVAILABLE',
    'TOO_MANY_REQUESTS',
    `Too many requests are under way: at most ${maxPipelined} on a connection and ${maxRequests} in all. Try again later.`,
    { retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** As many follow `/status` as are allowed. */
export function tooManyViewers(maxViewers: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    'TOO_MANY_REQUESTS',
    `${maxViewers} are following the status, which is the limit. Try again later, or read it once without a stream.`,
    { retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** The bodies of all requests under way are over their limit together. */
export function tooManyBytes({ maxReceivedBytes }: HttpLimits): CallError {
  return new CallError(
    'UNAVAILABLE',
    'TOO_MANY_REQUESTS',
    `The requests under way hold ${maxReceivedBytes} bytes together, which is the limit. Try again later.`,
    { retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** As many connections have requests under way as are allowed. */
export function tooManyConnections({ maxConnections }: HttpLimits): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'TOO_MANY_CONNECTIONS',
    `${maxConnections} connections have requests under way, which is the limit. Try again later.`,
    { httpStatus: 503, retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** The connection has reached its age, and the request has run on for as long as it may. */
export function connectionAged(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'CONNECTION_TOO_OLD',
    'The connection has reached its age. Call again, on a new connection.',
    { retryDelayMs: spreadRetry(0, Math.random) },
  );
}

/** The bytes are not an HTTP/1.1 request. */
export function malformedRequest(cause: unknown): CallError {
  return new CallError('INVALID_ARGUMENT', 'MALFORMED_HTTP', 'The request is not valid HTTP/1.1.', {
    cause,
  });
}

/** The body has a content coding; only the plain bytes are taken. */
export function encodedBody(encoding: string): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    `The body has Content-Encoding ${JSON.stringify(encoding.slice(0, 50))}; send it uncompressed.`,
    { httpStatus: 415, httpHeaders: { 'accept-encoding': 'identity' } },
  );
}

/** An Expect header that asks for something else than 100-continue. */
export function unknownExpectation(): CallError {
  return new CallError('INVALID_ARGUMENT', 'MALFORMED_HTTP', 'Expect may only be 100-continue.', {
    httpStatus: 417,
  });
}

/** The grpc-timeout header is malformed. */
export function malformedTimeout(): CallError {
  return CallError.invalid([
    {
      field: 'grpc-timeout',
      description: 'Must be 1 to 8 digits and one of the units H, M, S, m, u, n, for example "10S".',
    },
  ]);
}

/** The caller closed the connection. */
export function callerGone(): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left before the call was done.');
}

import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import type { HttpLimits } from './options.ts';

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

import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import type { GrpcLimits } from './limits.ts';

/** When to come back after a refusal for lack of room. */
const RETRY_MS = 1_000;

/** No rpc has the path. */
export function unknownMethod(): CallError {
  return new CallError('UNIMPLEMENTED', 'ROUTE_NOT_FOUND', 'The server has no such method.', {
    reached: 'no',
  });
}

/** The content type is not gRPC's. */
export function notGrpc(): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    'The content type must be application/grpc, or application/grpc+proto.',
    { reached: 'no', httpStatus: 415 },
  );
}

/** The HTTP method is not POST. */
export function notPost(): CallError {
  return new CallError('INVALID_ARGUMENT', 'METHOD_NOT_ALLOWED', 'A gRPC call must be a POST request.', {
    reached: 'no',
    httpStatus: 405,
  });
}

/** The grpc-timeout header is malformed. */
export function malformedTimeout(): CallError {
  const description = 'Must be 1 to 8 digits and one of the units H, M, S, m, u, n, for example "10S".';
  return CallError.invalid([{ field: 'grpc-timeout', description }], { reached: 'no' });
}

/** The request did not arrive in time. */
export function requestTimeout({ requestTimeoutMs }: GrpcLimits): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'REQUEST_TIMEOUT',
    `The request did not arrive within ${requestTimeoutMs} milliseconds.`,
    { reached: 'no', httpStatus: 408 },
  );
}

/** The caller's own deadline passed before the whole request was there. */
export function requestTooLate(): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'DEADLINE_EXCEEDED',
    'The deadline of the call passed before the whole request had arrived.',
    { reached: 'no' },
  );
}

/** More requests are arriving than there is room for. */
export function tooManyRequestBytes(): CallError {
  return tooManyCalls('The requests that are arriving or being served hold as many bytes as they may.');
}

/** There are as many calls as are allowed. */
export function tooManyCalls(text: string): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'TOO_MANY_REQUESTS',
    `${text} Nothing was sent. Call again later.`,
    {
      reached: 'no',
      retryDelayMs: spreadRetry(RETRY_MS, Math.random),
      httpStatus: 503,
    },
  );
}

/** There are as many connections as are allowed, all of them in use. */
export function tooManyConnections({ maxConnections }: GrpcLimits): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'TOO_MANY_CONNECTIONS',
    `There are ${maxConnections} connections already, which is the limit. Try again later.`,
    { reached: 'no', httpStatus: 503, retryDelayMs: spreadRetry(RETRY_MS, Math.random) },
  );
}

/** The connection has reached its age, and the call has run on for as long as it may. */
export function connectionAged(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'CONNECTION_TOO_OLD',
    'The connection has reached its age. Call again, on a new connection.',
    { retryDelayMs: spreadRetry(0, Math.random) },
  );
}

/** For the log: the caller cannot be told. */
export function replyUnread(text: string): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', text);
}

/** A message is compressed in a way that cannot be read. */
export function unknownEncoding(): CallError {
  return new CallError(
    'UNIMPLEMENTED',
    'MALFORMED_MESSAGE',
    'The server does not support this grpc-encoding; use identity, gzip or deflate.',
    { reached: 'no' },
  );
}

/** A message is not what its grpc-encoding says. */
export function notDecompressible(cause: unknown): CallError {
  const text = 'The request message cannot be decompressed with the grpc-encoding of the call.';
  return new CallError('INTERNAL', 'MALFORMED_MESSAGE', text, { reached: 'no', cause });
}

/** A message is over its limit. */
export function messageTooLarge({ maxMessageBytes }: GrpcLimits): CallError {
  const text = `The request message is over ${maxMessageBytes} bytes.`;
  return new CallError('RESOURCE_EXHAUSTED', 'REQUEST_TOO_LARGE', text, { reached: 'no', httpStatus: 413 });
}

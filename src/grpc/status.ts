import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type StatusObject, status } from '@grpc/grpc-js';
import { CallError } from '../status/call-error.ts';
import { CODES } from '../status/code.ts';
import { toStatusBytes, trailerMessage } from '../status/rpc-status.ts';
import { ACCEPTED_ENCODINGS } from './inflate.ts';
import { toMetadata } from './metadata.ts';

/**
 * The trailer that tells a client's retry policy when to repeat a call, in milliseconds, or, when it is negative, not to
 * (gRFC A6).
 */
const PUSHBACK = 'grpc-retry-pushback-ms';

/** The longest wait that can be sent as a pushback; clients read it as a 32-bit number. */
const MAX_PUSHBACK_MS = 2 ** 31 - 1;

/**
 * What grpc-js is given for a failed call: code and text, and in the trailers google.rpc.Status, the response metadata and
 * the pushback. Sent before anything else, grpc-js makes it a response of trailers only; after response headers no client
 * would repeat the call.
 * @param mayRepeat whether the call does no harm when it is carried out twice
 */
export function toStatusObject(
  thrown: unknown,
  responseMetadata: ReadonlyMap<string, string>,
  mayRepeat: boolean,
): StatusObject {
  const error = CallError.from(thrown);
  const metadata = toMetadata(responseMetadata);
  metadata.set('grpc-status-details-bin', toStatusBytes(error));
  const pushback = pushbackOf(error, mayRepeat);
  if (pushback !== undefined) metadata.set(PUSHBACK, pushback);
  return { code: status[error.code], details: trailerMessage(error), metadata };
}

/**
 * When the caller's retry policy is to repeat the call: when RetryInfo says, unless Vultr may have carried it out and a
 * second time does harm. RESOURCE_EXHAUSTED without RetryInfo, a message that is too large, stays so.
 */
function pushbackOf(error: CallError, mayRepeat: boolean): string | undefined {
  const isHarmless = mayRepeat || error.reached === 'no';
  if (!isHarmless || (error.code === 'RESOURCE_EXHAUSTED' && error.retryDelayMs === undefined)) return '-1';
  if (error.retryDelayMs === undefined) return undefined;
  return String(Math.min(Math.max(0, Math.ceil(error.retryDelayMs)), MAX_PUSHBACK_MS));
}

/** The reasons of requests that are not gRPC. */
const NOT_GRPC: ReadonlySet<string> = new Set(['UNSUPPORTED_MEDIA_TYPE', 'METHOD_NOT_ALLOWED']);

/** Refuses a call that grpc-js has not seen: a response of trailers only, after which nothing more is read of it. */
export function sendTrailersOnly(stream: ServerHttp2Stream, error: CallError, requestId: string): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ...trailersOnly(error), 'x-request-id': requestId }, { endStream: true });
  stopReading(stream);
}

/** The headers of a response of trailers only, but for the request id. */
export function trailersOnly(error: CallError): OutgoingHttpHeaders {
  const { metadata, details } = toStatusObject(error, new Map(), true);
  return {
    // A client that does not speak gRPC is told so in HTTP's terms, too.
    ':status': NOT_GRPC.has(error.reason) ? (error.httpStatus ?? 200) : 200,
    'content-type': 'application/grpc+proto',
    'grpc-accept-encoding': ACCEPTED_ENCODINGS,
    'grpc-status': CODES[error.code].number,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}

/**
 * How long a caller who is told how the call ended may take to end its request. Node and its clients lose a status that a
 * reset follows at once.
 */
const LINGER_MS = 250;

/** Reads no more of a call that has its status: what is on its way is thrown away, and what never ends is cut off. */
export function stopReading(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.closed) return;
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS);
  stream.once('close', () => clearTimeout(timer));
}

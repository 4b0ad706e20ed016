import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { certificateNames } from '../access/certificate-names.ts';
import { remember } from '../base/remember.ts';
import { type Evidence, pickIdentityHeaders } from '../rpc/evidence.ts';
import { parseGrpcTimeout } from '../rpc/grpc-timeout.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import { malformedTimeout } from './errors.ts';
import { carrierOf } from './http2/carrier.ts';

const PREFIX = 'grpc-metadata-';

/** Headers that become metadata under their own name; a malformed one is an error of the caller. */
const CHECKED: ReadonlySet<string> = new Set(['authorization', 'idempotency-key']);

/** Headers that become metadata when they are well-formed: the call can do without them (W3C Trace Context, 4.3). */
const OPTIONAL: ReadonlySet<string> = new Set([
  'x-request-id',
  'traceparent',
  'tracestate',
  'user-agent',
  'prefer',
  'last-event-id',
]);

/** What gRPC metadata allows: its names, and printable ASCII. */
const METADATA_NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[\x20-\x7e]*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Headers with all of their values, as `IncomingMessage.headersDistinct` has them. */
export type DistinctHeaders = Readonly<Record<string, string[] | undefined>>;

const METADATA_NAMES = [...CHECKED, ...OPTIONAL];

const NAMES_OF_INTEREST: ReadonlySet<string> = new Set([...METADATA_NAMES, 'grpc-timeout']);

/**
 * The headers that the service itself reads. Most requests bring a dozen others, which are not worth being sorted.
 * @param rawHeaders names and values in turn
 */
export function headersOfInterest(rawHeaders: readonly string[]): DistinctHeaders {
  const headers: Record<string, string[] | undefined> = Object.create(null);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!NAMES_OF_INTEREST.has(name) && !name.startsWith(PREFIX)) continue;
    const value = rawHeaders[index + 1] ?? '';
    const values = headers[name];
    if (values === undefined) headers[name] = [value];
    else values.push(value);
  }
  return headers;
}

/**
 * Turns HTTP headers into metadata: `authorization`, `idempotency-key` and the tracing headers as they are,
 * `grpc-metadata-x` as `x`, all others left out. Binary values (`-bin`) stay in base64.
 *
 * @throws CallError INVALID_ARGUMENT with every header that metadata cannot carry, and every one given twice that must not be
 */
export function requestMetadata(headers: DistinctHeaders): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  const violations: FieldViolation[] = [];
  for (const header in headers) {
    const values = headers[header] ?? [];
    if (OPTIONAL.has(header)) {
      const value = values.length === 1 ? (values[0] ?? '') : values.join(', ');
      // One that a prefixed header has set already stays.
      if (VALUE.test(value) && !metadata.has(header)) metadata.set(header, value);
      continue;
    }
    const isPrefixed = header.startsWith(PREFIX);
    if (!isPrefixed && !CHECKED.has(header)) continue;
    const name = isPrefixed ? header.slice(PREFIX.length) : header;
    const problem = findProblem(name, values, isPrefixed && headers[name] !== undefined);
    if (problem === undefined) metadata.set(name, values.join(', '));
    else violations.push({ field: header, description: problem });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
  return metadata;
}

function findProblem(name: string, values: readonly string[], isGivenPlain: boolean): string | undefined {
  if (!METADATA_NAME.test(name)) return 'Its name is not a valid name of gRPC metadata.';
  if (name.startsWith('grpc-')) return 'Names that begin with grpc- are reserved for the protocol.';
  const isSingle = CHECKED.has(name);
  if (isSingle && (values.length > 1 || isGivenPlain)) return `Must be given only once.`;
  if (name.endsWith('-bin')) {
    const isBase64 = values.every((value) => value.split(',').every((part) => BASE64.test(part.trim())));
    return isBase64 ? undefined : 'Must be base64, since its name ends in -bin.';
  }
  return values.every((value) => VALUE.test(value)) ? undefined : 'Must be printable ASCII.';
}

/** Metadata that has a header of its own name in HTTP. */
const PLAIN = new Set(['etag', 'cache-control', 'age', 'retry-after', 'preference-applied']);

/** The token of RFC 9110. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** What a header value may not hold. */
const UNPRINTABLE = /[^\t\x20-\x7e]/;

/**
 * Turns response metadata into HTTP headers: `x-*` and the caching headers as they are, all else as
 * `grpc-metadata-<name>`. A name that is not a valid header name is left out; characters that a header value may not hold become `?`.
 */
export function metadataHeaders(metadata: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of metadata) {
    const header = headerOf(name);
    if (header === undefined) continue;
    headers[header] = UNPRINTABLE.test(value) ? value.replaceAll(new RegExp(UNPRINTABLE, 'g'), '?') : value;
  }
  return headers;
}

/** The header that metadata of a name becomes; undefined: none can. */
const headerOf = remember(100, (name) => {
  if (!HEADER_NAME.test(name)) return undefined;
  return PLAIN.has(name) || name.startsWith('x-') ? name : `grpc-metadata-${name}`;
});

/** What the headers of a request say of the call that it is. */
export interface CallHeaders {
  readonly metadata: ReadonlyMap<string, string>;
  readonly timeoutMs: number | undefined;
  /** Why they cannot be read: it fails the call where its request is read, so that it is logged as one of its operation. */
  readonly error: CallError | undefined;
}

const NO_METADATA: ReadonlyMap<string, string> = new Map();

/** Reads them. */
export function readCallHeaders(request: ReceivedHeaders): CallHeaders {
  try {
    const plain = plainMetadata(request);
    if (plain !== undefined)
      return { metadata: plain, timeoutMs: timeoutOf(request.headers['grpc-timeout']), error: undefined };
    const given = headersOfInterest(request.rawHeaders);
    return {
      metadata: requestMetadata(given),
      timeoutMs: timeoutOf(given['grpc-timeout']),
      error: undefined,
    };
  } catch (thrown) {
    return { metadata: NO_METADATA, timeoutMs: undefined, error: CallError.from(thrown) };
  }
}

type ReceivedHeaders = Pick<IncomingMessage, 'headers' | 'rawHeaders'>;

/**
 * The same as requestMetadata for what most requests bring: no header twice, none with the prefix, all well-formed. Node's own
 * reading of the headers lacks nothing then, and costs nothing, since others need it.
 * @returns undefined: they need a closer look
 */
function plainMetadata({ headers, rawHeaders }: ReceivedHeaders): ReadonlyMap<string, string> | undefined {
  let length = 0;
  for (const name in headers) {
    if (name.startsWith(PREFIX)) return undefined;
    length += 2;
  }
  if (length !== rawHeaders.length) return undefined;
  const metadata = new Map<string, string>();
  for (const name of METADATA_NAMES) {
    const value = headers[name];
    if (value === undefined) continue;
    if (typeof value !== 'string' || !VALUE.test(value)) return undefined;
    metadata.set(name, value);
  }
  return metadata;
}

function timeoutOf(given: string | readonly string[] | undefined): number | undefined {
  if (given === undefined) return undefined;
  const [text = '', ...others] = typeof given === 'string' ? [given] : given;
  const timeoutMs = others.length === 0 ? parseGrpcTimeout(text) : undefined;
  if (timeoutMs === undefined) throw malformedTimeout();
  return timeoutMs;
}

/** What a request brings that may prove who is calling. */
export function evidenceOf(request: IncomingMessage, authorization: string | undefined): Evidence {
  // A request of HTTP/2 comes on a connection that has no certificate; the one below it has.
  const socket = carrierOf(request.socket) ?? request.socket;
  return {
    connection: socket,
    address: socket.remoteAddress ?? 'unknown',
    certificate: socket instanceof TLSSocket ? certificateNames(socket) : undefined,
    identityHeaders: pickIdentityHeaders((name) =>
      // Node sorts the headers once more for their single values, which hardly any request is worth.
      request.headers[name] === undefined ? undefined : request.headersDistinct[name],
    ),
    authorization,
  };
}

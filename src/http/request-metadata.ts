import { CallError, type FieldViolation } from '../status/call-error.ts';

const PREFIX = 'grpc-metadata-';

/** Headers that become metadata under their own name; a malformed one is an error of the caller. */
const CHECKED = ['authorization', 'idempotency-key'] as const;

/** Headers that become metadata when they are well-formed: the call does not depend on them (W3C Trace Context, 4.3). */
const OPTIONAL = ['x-request-id', 'traceparent', 'tracestate', 'user-agent'] as const;

/** What gRPC metadata allows: its names, and printable ASCII. */
const NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[\x20-\x7e]*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * Turns HTTP headers into metadata: `authorization`, `idempotency-key` and the tracing headers as they are,
 * `grpc-metadata-x` as `x`, all others left out. Binary values (`-bin`) stay in base64.
 *
 * @param headers each with all of its values, as `IncomingMessage.headersDistinct` has them
 * @throws CallError INVALID_ARGUMENT with every header that metadata cannot carry, and every one given twice that must not be
 */
export function requestMetadata(
  headers: Readonly<Record<string, string[] | undefined>>,
): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  const violations: FieldViolation[] = [];
  for (const name of OPTIONAL) {
    const value = headers[name]?.join(', ');
    if (value !== undefined && VALUE.test(value)) metadata.set(name, value);
  }
  for (const [header, values = []] of Object.entries(headers)) {
    const isPrefixed = header.startsWith(PREFIX);
    if (!isPrefixed && !CHECKED.some((name) => name === header)) continue;
    const name = isPrefixed ? header.slice(PREFIX.length) : header;
    const problem = findProblem(name, values, isPrefixed && headers[name] !== undefined);
    if (problem === undefined) metadata.set(name, values.join(', '));
    else violations.push({ field: header, description: problem });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
  return metadata;
}

function findProblem(name: string, values: readonly string[], isGivenPlain: boolean): string | undefined {
  if (!NAME.test(name)) return 'Its name is no name of gRPC metadata.';
  if (name.startsWith('grpc-')) return 'Metadata that begins with grpc- is reserved for the protocol.';
  const isSingle = CHECKED.some((one) => one === name);
  if (isSingle && (values.length > 1 || isGivenPlain)) return `${name} must be given once only.`;
  if (name.endsWith('-bin')) {
    const isBase64 = values.every((value) => value.split(',').every((part) => BASE64.test(part.trim())));
    return isBase64 ? undefined : 'Its value has to be base64, as its name ends in -bin.';
  }
  return values.every((value) => VALUE.test(value)) ? undefined : 'Its value has to be printable ASCII.';
}

import type { Call } from '../rpc/call.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';

/** The metadata, or HTTP header, that names a creation. */
const KEY = 'idempotency-key';

/** The same in the form of the IETF's draft for the header: a string of RFC 8941, in quotes. */
const QUOTED = /^"([^"\\]*)"$/;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The id that the caller has given a creation, in `request_id` (a UUID, AIP-155) or in the metadata `idempotency-key` (1 to
 * 255 visible ASCII characters); undefined when there is neither.
 * @throws CallError INVALID_ARGUMENT when one is malformed or the two differ
 */
export function creationId({ request, metadata }: Call): string | undefined {
  const given = metadata.get(KEY);
  const key = given === undefined ? undefined : normalize(QUOTED.exec(given)?.[1] ?? given);
  const field = request['request_id'];
  const requestId = typeof field === 'string' && field !== '' ? normalize(field) : undefined;
  const violations: FieldViolation[] = [];
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    violations.push({ field: KEY, description: 'It has to be 1 to 255 visible ASCII characters.' });
  }
  if (requestId !== undefined && !UUID.test(requestId)) {
    violations.push({ field: 'request_id', description: 'It has to be a UUID.' });
  }
  if (key !== undefined && requestId !== undefined && key !== requestId) {
    violations.push({ field: 'request_id', description: `It differs from ${KEY}; give one of them.` });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
  return requestId ?? key;
}

/** A UUID is the same in upper case (RFC 9562, section 4), wherever it stands. */
function normalize(id: string): string {
  return UUID.test(id) ? id.toLowerCase() : id;
}

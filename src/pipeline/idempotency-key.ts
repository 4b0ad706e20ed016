import { CallError, type FieldViolation } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';

/** The metadata, or HTTP header, that names a creation. */
const HEADER = 'idempotency-key';

/** The same in the form of the IETF's draft for the header: a string of RFC 8941, in quotes. */
const QUOTED = /^"([^"\\]*)"$/;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The name that the caller has given a creation, in `request_id` (a UUID, AIP-155) or in the metadata `idempotency-key` (1 to
 * 255 visible ASCII characters); undefined when there is neither.
 * @throws CallError INVALID_ARGUMENT when one is malformed or the two differ
 */
export function readIdempotencyKey(
  request: Message,
  metadata: ReadonlyMap<string, string>,
): string | undefined {
  const given = metadata.get(HEADER);
  const key = given === undefined ? undefined : normalize(QUOTED.exec(given)?.[1] ?? given);
  const field = request['request_id'];
  const requestId = typeof field === 'string' && field !== '' ? normalize(field) : undefined;
  const violations: FieldViolation[] = [];
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    violations.push({ field: HEADER, description: 'Must be 1 to 255 visible ASCII characters.' });
  }
  if (requestId !== undefined && !UUID.test(requestId)) {
    violations.push({ field: 'request_id', description: 'Must be a UUID.' });
  }
  if (key !== undefined && requestId !== undefined && key !== requestId) {
    violations.push({ field: 'request_id', description: `Differs from ${HEADER}; give one of the two.` });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
  return requestId ?? key;
}

/** A UUID is the same in upper case (RFC 9562, section 4), wherever it stands. */
function normalize(key: string): string {
  return UUID.test(key) ? key.toLowerCase() : key;
}

import { hasMoreValues } from '../payload/count-values.ts';
import { JsonError, parseStrictJson, type StrictJson } from '../payload/strict-json.ts';
import { CallError } from '../status/call-error.ts';
import type { UpstreamOperation, UpstreamRequest } from '../vultr/vultr.ts';

/** Before the name of what is not a member of the body. Members whose names start with it have it twice. */
const OUTSIDE = '@';

/**
 * What makes two requests the same, by name: the operation, the path, the query and the members of the body, all as they go
 * to Vultr. It makes no difference whether a caller came over /api, /v2 or gRPC.
 */
export function requestFields(
  { name }: UpstreamOperation,
  { path, query, body }: UpstreamRequest,
  members: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  const inside = Object.entries(members ?? {}).map(([member, value]) => [
    member.startsWith(OUTSIDE) ? `${OUTSIDE}${member}` : member,
    value,
  ]);
  return {
    ...Object.fromEntries(inside),
    ...(members === undefined &&
      body !== undefined && { [`${OUTSIDE}body`]: Buffer.from(body).toString('base64') }),
    // The digests are keyed with the credential, so after a rotation this one tells why all of them differ.
    [`${OUTSIDE}credential`]: '',
    [`${OUTSIDE}operation`]: name,
    [`${OUTSIDE}path`]: path,
    ...(query !== '' && { [`${OUTSIDE}query`]: query }),
  };
}

/** The name of a field as the caller is told it. */
export function fieldLabel(name: string): string {
  return name.startsWith(OUTSIDE) ? name.slice(OUTSIDE.length) : name;
}

/**
 * The most members and bytes of a creation with an idempotency key, and the most values within all of its members: each
 * member is hashed on its own. No creation of Vultr's has a hundred.
 */
const MAX_MEMBERS = 1_000;
const MAX_BYTES = 1024 * 1024;
const MAX_VALUES = 20_000;

/**
 * The members of a JSON body, read so that no second reading of it exists: repeated members are refused, and numbers keep
 * all of their digits.
 * @returns undefined when the body is not a JSON object
 * @throws CallError INVALID_ARGUMENT, MALFORMED_JSON, when it is meant to be JSON and is not; RESOURCE_EXHAUSTED,
 *   REQUEST_TOO_LARGE, when it has more than 1 MB, 1 000 members or 20 000 values
 */
export function readMembers(request: UpstreamRequest): Readonly<Record<string, StrictJson>> | undefined {
  const { body, contentType = 'application/json' } = request;
  if (body === undefined || body.length === 0) return {};
  if (!/\bjson\b/i.test(contentType)) return undefined;
  if (body.length > MAX_BYTES) throw tooLarge(`${MAX_BYTES} bytes`);
  if (hasMoreValues(body, MAX_VALUES)) throw tooLarge(`${MAX_VALUES} values`);
  let value: StrictJson;
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch (error) {
    const problem = error instanceof JsonError ? `: ${error.message}` : ' in UTF-8';
    throw new CallError(
      'INVALID_ARGUMENT',
      'MALFORMED_JSON',
      `The body of a creation with an idempotency key must be JSON${problem}.`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || JSON.isRawJSON(value))
    return undefined;
  if (Object.keys(value).length > MAX_MEMBERS) throw tooLarge(`${MAX_MEMBERS} members`);
  return value;
}

function tooLarge(limit: string): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'REQUEST_TOO_LARGE',
    `The body of a creation with an idempotency key has more than ${limit}.`,
    { httpStatus: 413 },
  );
}

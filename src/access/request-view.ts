import type { Operation } from '../contract/operation.ts';
import { JsonError, parseStrictJson } from '../payload/strict-json.ts';
import type { IncomingRequest, VerbatimRequest } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import { ADDITIONAL_FIELDS } from '../transcoding/field-names.ts';
import type { Message } from '../transcoding/message.ts';

/**
 * A request as a policy sees it: its members by name, regardless of case, since it is not known how Vultr reads them. The
 * policy must allow every possible reading.
 */
export interface RequestView {
  /** Whether a member of this name is at the top level of the body or in the query. */
  has(name: string): boolean;
  /** The values of every member of this name, at whatever depth; the elements of lists one by one. */
  valuesOf(name: string): readonly unknown[];
}

/** A request without fields. */
export const EMPTY_VIEW: RequestView = { has: () => false, valuesOf: () => [] };

/** The view of a message of the contract. Members of `additional_fields` go to Vultr beside the other fields. */
export function viewMessage(message: Message): RequestView {
  const additional = message[ADDITIONAL_FIELDS];
  return viewOf(isObject(additional) ? [message, additional] : [message]);
}

/**
 * The view of a message of RawService, with its fields `query` and `body`.
 * @throws CallError INVALID_ARGUMENT when the body is not a JSON object
 */
export function viewRawMessage({ query, body }: Message): RequestView {
  const members = body ?? {};
  if (!isObject(members)) throw malformed('is not a JSON object');
  return viewOf([members, parseQuery(typeof query === 'string' ? query : '')]);
}

/**
 * The view of a request that is passed on byte for byte. Its body is read so that no second reading exists.
 * @param isForm whether Vultr takes the body of the operation as a form
 * @throws CallError INVALID_ARGUMENT when the body can be read in another way, or is of another type
 */
export function viewVerbatim(request: VerbatimRequest, isForm: boolean): RequestView {
  return viewOf([isForm ? parseForm(request) : parseBody(request), parseQuery(request.query)]);
}

/**
 * The view of a request, whichever kind it is.
 * @param operation the one that was called; for RawService, the view is that of the request in its fields
 */
export function viewOfRequest(
  request: IncomingRequest,
  { isForm, isRaw }: Pick<Operation, 'isForm' | 'isRaw'>,
): RequestView {
  if (request.kind === 'verbatim') return viewVerbatim(request.request, isForm);
  return isRaw ? viewRawMessage(request.message) : viewMessage(request.message);
}

type Members = Readonly<Record<string, unknown>>;

function viewOf(sources: readonly Members[]): RequestView {
  return {
    has: (name) => sources.some((source) => Object.keys(source).some((key) => fold(key) === name)),
    valuesOf: (name) => sources.flatMap((source) => collect(source, name, false)),
  };
}

/** Some programs treat `Plan`, `plan` and, in a query, `plan[]` as the same. */
function fold(name: string): string {
  return name.replace(/\[.*$/s, '').trim().toLowerCase();
}

function collect(value: unknown, name: string, isWanted: boolean): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((each) => collect(each, name, isWanted));
  if (!isObject(value)) return isWanted ? [value] : [];
  const below = Object.entries(value).flatMap(([key, each]) => collect(each, name, fold(key) === name));
  return isWanted ? [value, ...below] : below;
}

function isObject(value: unknown): value is Members {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function parseBody({ body, contentType }: VerbatimRequest): Members {
  if (body === undefined || body.length === 0) return {};
  if (
    contentType !== undefined &&
    !/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(contentType)
  )
    throw otherType('application/json');
  const value = parseJson(body);
  if (!isObject(value)) throw malformed('is not a JSON object');
  return value;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch (error) {
    throw malformed(error instanceof JsonError ? `is not clear JSON: ${error.message}` : 'is not UTF-8');
  }
}

function parseForm({ body, contentType }: VerbatimRequest): Members {
  if (body === undefined || body.length === 0) return {};
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType ?? ''))
    throw otherType('application/x-www-form-urlencoded');
  return parseQuery(Buffer.from(body).toString('latin1'));
}

/** The parameters of a query; a repeated name has a list of values. */
export function parseQuery(query: string): Members {
  const members = Object.create(null) as Record<string, string[]>;
  if (query === '') return members;
  for (const [name, value] of new URLSearchParams(query)) {
    const values = members[name] ?? [];
    values.push(value);
    members[name] = values;
  }
  return members;
}

function otherType(expected: string): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    `The policy of the caller has to look into the body, which must be ${expected} in UTF-8 then.`,
    { httpStatus: 415, reached: 'no' },
  );
}

function malformed(problem: string): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    'MALFORMED_JSON',
    `The policy of the caller has to look into the body, and it ${problem}.`,
    { reached: 'no' },
  );
}

/**
 * Refuses a parameter by which some frameworks take a request for one of another method, in the query or the body: the policy
 * has decided about the method that is there. A body is searched and not parsed, since it may be anything.
 * @throws CallError INVALID_ARGUMENT
 */
export function refuseMethodOverride(request: IncomingRequest, { isRaw }: Pick<Operation, 'isRaw'>): void {
  const isOverridden =
    request.kind === 'verbatim' ? namesMethod(request.request) : messageNamesMethod(request.message, isRaw);
  if (!isOverridden) return;
  throw CallError.invalid(
    [{ field: METHOD, description: 'Must not be given: send the request with its own method.' }],
    { reached: 'no' },
  );
}

const METHOD = '_method';

function messageNamesMethod(message: Message, isRaw: boolean): boolean {
  if (!isRaw) return isObject(message[ADDITIONAL_FIELDS]) && viewMessage(message).has(METHOD);
  const { query, body } = message;
  return (
    hasParameter(typeof query === 'string' ? query : '') ||
    (isObject(body) && Object.keys(body).some((name) => fold(name) === METHOD))
  );
}

function namesMethod({ query, body, contentType }: VerbatimRequest): boolean {
  if (query !== '' && hasParameter(query)) return true;
  if (body === undefined || body.length === 0) return false;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  const isJson = /\bjson\b/i.test(contentType ?? 'json');
  // The name of a JSON member may be written with escapes; most bodies have none.
  if (isJson && !/_method|\\u/i.test(text)) return false;
  return MEMBER.test(unescapeJson(text)) || (!isJson && (PART.test(text) || hasParameter(text)));
}

/** The member of an object, not a piece of a text that holds JSON. */
const MEMBER = /(?<!\\)"\s*_method\s*(?:\[[^"]*)?"\s*:/i;

/** A part of a multipart form. */
const PART = /\bname="?_method/i;

function unescapeJson(text: string): string {
  return text.replace(/\\u([0-9a-f]{4})/gi, (_escape, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function hasParameter(query: string): boolean {
  return Object.keys(parseQuery(query)).some((name) => fold(name) === METHOD);
}

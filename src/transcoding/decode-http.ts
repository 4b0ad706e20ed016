import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { JsonError, parseStrictJson } from '../payload/strict-json.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import type { FieldPath, HttpBinding } from './binding.ts';
import { decodeJsonField, decodeJsonMessage, takesNull } from './decode-json.ts';
import { decodeQuery } from './decode-query.ts';
import { fieldNames, wireName } from './field-names.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import { expectedScalar, scalarFromText } from './scalar-json.ts';
import { Violations } from './violations.ts';

/** The parts of an HTTP request that hold the request message. */
export interface RequestParts {
  /** The text of each variable of the binding, decoded. */
  readonly values: readonly string[];
  /** As it came, without the question mark. */
  readonly query: string;
  readonly contentType: string | undefined;
  /** Empty when the binding has no body. */
  readonly body: Uint8Array;
}

/** Finds what is wrong with a message other than its types, such as a required field that is missing. */
export type MessageCheck = (message: Message) => readonly FieldViolation[];

/**
 * Reads the request message from an HTTP request as its binding says. The path takes precedence over the body, and the
 * body over the query; with a body `*` there are no query parameters (google/api/http.proto), so one that is given is
 * refused, as ignoring it would do something else than was asked. An empty body is an empty message.
 *
 * @param check called only when the request cannot be read, so that the caller learns everything that is wrong at once
 * @throws CallError INVALID_ARGUMENT, with every violation, or for a body that is not JSON with the position in it; with
 *   HTTP status 415 for a body of another media type or charset
 */
export function decodeHttpRequest(
  binding: HttpBinding,
  parts: RequestParts,
  check: MessageCheck = () => [],
): Message {
  const violations = new Violations();
  const elsewhere = new Set(binding.template.variables.map(({ fieldPath }) => fieldPath.join('.')));
  const message = decodeBodyAndQuery(binding, parts, elsewhere, violations);
  for (const [index, path] of binding.variables.entries()) {
    setVariable(message, path, parts.values[index] ?? '', violations);
  }
  if (violations.list.length > 0) addUnknown(check(message), violations);
  violations.throwIfAny();
  return message;
}

/**
 * Reads a message from JSON text alone. It must be there: no bytes are no JSON.
 * @param check as for decodeHttpRequest
 * @throws CallError INVALID_ARGUMENT, with every violation, or with the position when it is not JSON
 */
export function decodeJsonRequest(input: DescMessage, bytes: Uint8Array, check: MessageCheck): Message {
  const violations = new Violations();
  const message = decodeJsonMessage(input, parseJsonText(bytes), '', violations);
  if (violations.list.length > 0) addUnknown(check(message), violations);
  violations.throwIfAny();
  return message;
}

/** Adds what is wrong with fields about which nothing is known yet. */
function addUnknown(found: readonly FieldViolation[], violations: Violations): void {
  const known = new Set(violations.list.map(({ field }) => field));
  for (const { field, description } of found) {
    if (!known.has(field)) violations.add(field, description);
  }
}

function decodeBodyAndQuery(
  { body, input }: HttpBinding,
  parts: RequestParts,
  elsewhere: Set<string>,
  violations: Violations,
): Message {
  if (body === 'none') return decodeQuery(input, parts.query, elsewhere, violations);
  const json = parseBody(parts);
  if (body === 'message') {
    const message = json === undefined ? createMessage() : decodeJsonMessage(input, json, '', violations);
    for (const name of Object.keys(decodeQuery(input, parts.query, elsewhere, violations)))
      violations.add(name, 'Must be given in the body, because this request takes no query parameters.');
    return message;
  }
  elsewhere.add(body.name);
  const message = decodeQuery(input, parts.query, elsewhere, violations);
  if (json === undefined || (json === null && !takesNull(body))) return message;
  const value = decodeJsonField(body, json, body.name, violations);
  if (value !== undefined) message[body.name] = value;
  return message;
}

/** The JSON of the body; undefined when the body is empty. */
function parseBody({ contentType, body }: RequestParts): FieldValue | undefined {
  if (body.length === 0) return undefined;
  checkContentType(contentType);
  return parseJsonText(body);
}

function parseJsonText(body: Uint8Array): FieldValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new CallError('INVALID_ARGUMENT', 'MALFORMED_JSON', 'The body is not valid UTF-8.', { cause });
  }
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new CallError(
      'INVALID_ARGUMENT',
      'MALFORMED_JSON',
      `The body cannot be read as JSON: ${error.message}.`,
    );
  }
}

/** `application/json` with no charset or UTF-8, the only one that JSON has (RFC 8259, section 8.1). */
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-?8"?)?\s*;?$/i;

function checkContentType(contentType: string | undefined): void {
  if (contentType !== undefined && JSON_TYPE.test(contentType.trim())) return;
  const found =
    contentType === undefined ? 'it has none' : `it has ${JSON.stringify(contentType.slice(0, 100))}`;
  throw new CallError(
    'INVALID_ARGUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    `The body must be JSON in UTF-8, with the header "Content-Type: application/json"; ${found}.`,
    { httpStatus: 415, httpHeaders: { accept: 'application/json' } },
  );
}

function setVariable(message: Message, path: FieldPath, text: string, violations: Violations): void {
  let target = message;
  for (const [index, field] of path.entries()) {
    dropRivals(target, field);
    if (index === path.length - 1) {
      const value = scalarFromText(field, text);
      if (value === undefined) violations.add(path.map(({ name }) => name).join('.'), expectedScalar(field));
      else target[field.name] = value;
      return;
    }
    const child = (target[field.name] as Message | undefined) ?? createMessage();
    target[field.name] = child;
    target = child;
  }
}

/** Drops what a body says about a field that the path binds: another member of its oneof, an additional field. */
function dropRivals(target: Message, field: DescField): void {
  for (const rival of field.oneof?.fields ?? []) if (rival !== field) delete target[rival.name];
  const { additional } = fieldNames(field.parent);
  const members = additional && (target[additional.name] as Message | undefined);
  if (additional === undefined || members === undefined) return;
  delete members[wireName(field)];
  if (Object.keys(members).length === 0) delete target[additional.name];
}

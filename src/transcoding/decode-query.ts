import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { decodeElement, decodeMapKey } from './decode-json.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import { percentDecode } from './percent.ts';
import { findParameter, nameOf, type Parameter, suggestParameter } from './query-parameter.ts';
import { expectedScalar, scalarFromText } from './scalar-json.ts';
import { keyName } from './scalar-text.ts';
import { at, type Violations } from './violations.ts';
import { jsonForm } from './well-known.ts';

const NOT_SINGLE = 'Cannot be given in a query string, because it is not a single value.';

/** The most characters of an unknown name that are repeated to the caller. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads the fields of a message from a query string. Names are proto or JSON names, `a.b` for a field of a nested message,
 * `labels[env]` for an entry of a map; a repeated field is a repeated parameter.
 *
 * @param query as it came, without the question mark; further question marks at its beginning are ignored
 * @param elsewhere fields that path and body hold, as paths of proto names; parameters for them are ignored
 * @param violations takes an unknown parameter, a malformed value or escape, a singular field that comes twice, a field
 *   that no query can hold
 */
export function decodeQuery(
  descriptor: DescMessage,
  query: string,
  elsewhere: ReadonlySet<string>,
  violations: Violations,
): Message {
  const message = createMessage();
  if (query === '') return message;
  for (const part of query.replace(/^\?+/, '').split('&')) {
    if (violations.isFull) break;
    // Empty parts, such as that of a trailing `&`, mean nothing.
    if (part !== '') decodePart(descriptor, message, part, elsewhere, violations);
  }
  return message;
}

function decodePart(
  descriptor: DescMessage,
  message: Message,
  part: string,
  elsewhere: ReadonlySet<string>,
  violations: Violations,
): void {
  const equals = part.indexOf('=');
  const name = decodeText(equals < 0 ? part : part.slice(0, equals));
  if (name === undefined) {
    violations.add('', 'The name of a query parameter is not percent-encoded UTF-8.');
    return;
  }
  const parameter = findParameter(descriptor, name);
  if (parameter === undefined) {
    const meant = suggestParameter(descriptor, name);
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
    violations.add(name.slice(0, MAX_NAME_LENGTH), `Unknown query parameter.${hint}`);
    return;
  }
  if (isElsewhere(parameter, elsewhere)) return;
  const text = decodeText(equals < 0 ? '' : part.slice(equals + 1));
  if (text === undefined) violations.add(nameOf(parameter.path), 'Not percent-encoded UTF-8.');
  else setParameter(message, parameter, text, violations);
}

/** A plus is a space here, as in HTML forms and in every reference transcoder. */
function decodeText(raw: string): string | undefined {
  try {
    return percentDecode(raw.replaceAll('+', ' '));
  } catch {
    // The caller of this function reports it, as it knows which parameter it is.
    return undefined;
  }
}

function isElsewhere({ path }: Parameter, elsewhere: ReadonlySet<string>): boolean {
  return path.some((_, index) => elsewhere.has(nameOf([path[0], ...path.slice(1, index + 1)])));
}

function setParameter(message: Message, parameter: Parameter, text: string, violations: Violations): void {
  const { path, key } = parameter;
  const name = nameOf(path);
  let target = message;
  let parent = '';
  for (const [index, field] of path.entries()) {
    const sibling = field.oneof?.fields.find((other) => other !== field && target[other.name] !== undefined);
    if (sibling !== undefined) {
      violations.add(
        name,
        `Only one of ${at(parent, sibling.name)} and ${at(parent, field.name)} may be given.`,
      );
      return;
    }
    parent = at(parent, field.name);
    if (index < path.length - 1) target = childOf(target, field);
    else if (key === undefined) setValue(target, field, text, name, violations);
    else setEntry(target, field, key, text, name, violations);
  }
}

function childOf(message: Message, field: DescField): Message {
  const child = (message[field.name] ?? createMessage()) as Message;
  message[field.name] = child;
  return child;
}

function setValue(
  target: Message,
  field: DescField,
  text: string,
  name: string,
  violations: Violations,
): void {
  if (field.fieldKind === 'map') {
    violations.add(name, `Must be given entry by entry in a query string, for example ${name}[key]=value.`);
    return;
  }
  const before = target[field.name];
  if (before !== undefined && field.fieldKind !== 'list') {
    violations.add(name, 'Given twice in the query string. Leave one of them out.');
    return;
  }
  const value = fromText(field, text, name, violations);
  if (value === undefined) return;
  if (field.fieldKind !== 'list') target[field.name] = value;
  else if (Array.isArray(before)) before.push(value);
  else target[field.name] = [value];
}

function setEntry(
  target: Message,
  field: DescField,
  keyText: string,
  text: string,
  name: string,
  violations: Violations,
): void {
  if (field.fieldKind !== 'map') {
    violations.add(name, 'Not a map, so it has no entries in brackets.');
    return;
  }
  const where = `${name}[${JSON.stringify(keyText.slice(0, MAX_NAME_LENGTH))}]`;
  const key = decodeMapKey(field.mapKey, keyText);
  const map = childOf(target, field);
  if (key === undefined) {
    violations.add(where, `Not a key of this map. Its keys must be ${keyName(field.mapKey)}.`);
  } else if (map[key] !== undefined) {
    violations.add(where, 'Given twice in the query string. Leave one of them out.');
  } else {
    const value = fromText(field, text, where, violations);
    if (value !== undefined) map[key] = value;
  }
}

/** One value, of a field or of an entry; undefined, and a violation, when the text is not such a value. */
function fromText(
  field: DescField,
  text: string,
  name: string,
  violations: Violations,
): FieldValue | undefined {
  if (field.message === undefined) {
    return scalarFromText(field, text) ?? refuse(name, expectedScalar(field), violations);
  }
  switch (jsonForm(field.message)) {
    case 'text':
      return decodeElement(field, text, name, violations);
    case 'value':
      return text;
    case 'wrapper': {
      const [wrapped] = field.message.fields;
      const value = wrapped && fromText(wrapped, text, name, violations);
      return value === undefined ? undefined : Object.assign(createMessage(), { value });
    }
    default:
      return refuse(name, NOT_SINGLE, violations);
  }
}

function refuse(name: string, description: string, violations: Violations): undefined {
  violations.add(name, description);
  return undefined;
}

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { fieldNames } from './field-names.ts';
import { decodeElement } from './decode-json.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import type { FieldPath } from './binding.ts';
import { percentDecode } from './percent.ts';
import { expectedScalar, scalarFromText } from './scalar-json.ts';
import { at, type Violations } from './violations.ts';
import { jsonForm } from './well-known.ts';

/** How many messages a parameter's name may lead through. */
const MAX_DEPTH = 32;

const NOT_SINGLE = 'It holds no single value, so it cannot be given in a query string.';

/**
 * Reads the fields of a message from a query string. Names are proto or JSON names, `a.b` for a field of a nested
 * message; a repeated field is a repeated parameter. What names no field is ignored.
 *
 * @param query as it came, without the question mark
 * @param elsewhere fields that path and body hold, as paths of proto names; parameters for them are ignored
 * @param violations takes a malformed value or escape, a singular field that comes twice, a field no query can hold
 */
export function decodeQuery(
  descriptor: DescMessage,
  query: string,
  elsewhere: ReadonlySet<string>,
  violations: Violations,
): Message {
  const message = createMessage();
  for (const parameter of query.split('&')) {
    const [rawName = '', ...rest] = parameter.split('=');
    const name = decodeText(rawName);
    if (name === undefined) {
      violations.add('', 'The query string has a parameter whose name is not percent-encoded UTF-8.');
      continue;
    }
    const path = findField(descriptor, name, MAX_DEPTH);
    if (path === undefined || isElsewhere(path, elsewhere)) continue;
    const text = decodeText(rest.join('='));
    if (text === undefined) violations.add(nameOf(path), 'It is not percent-encoded UTF-8.');
    else setParameter(message, path, text, violations);
  }
  return message;
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

/** The way to the field that a parameter names. A wire name may hold dots itself, so the longest match wins. */
function findField(descriptor: DescMessage, name: string, depth: number): FieldPath | undefined {
  const { byName } = fieldNames(descriptor);
  const whole = byName.get(name);
  if (whole !== undefined) return [whole];
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const field = byName.get(name.slice(0, dot));
    if (field?.message === undefined || depth === 0) continue;
    if (field.fieldKind !== 'message') return [field];
    const rest = findField(field.message, name.slice(dot + 1), depth - 1);
    if (rest !== undefined) return [field, ...rest];
  }
  return undefined;
}

function nameOf(path: FieldPath): string {
  return path.map(({ name }) => name).join('.');
}

function isElsewhere(path: FieldPath, elsewhere: ReadonlySet<string>): boolean {
  return path.some((_, index) => elsewhere.has(nameOf([path[0], ...path.slice(1, index + 1)])));
}

function setParameter(message: Message, path: FieldPath, text: string, violations: Violations): void {
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
    if (index === path.length - 1) setValue(target, field, text, name, violations);
    else target = childOf(target, field);
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
  const before = target[field.name];
  if (before !== undefined && field.fieldKind !== 'list') {
    violations.add(name, 'It is given twice in the query string.');
    return;
  }
  const value = fromText(field, text, name, violations);
  if (value === undefined) return;
  if (field.fieldKind !== 'list') target[field.name] = value;
  else if (Array.isArray(before)) before.push(value);
  else target[field.name] = [value];
}

/** One value; undefined, and a violation, when the text is none of the field's. */
function fromText(
  field: DescField,
  text: string,
  name: string,
  violations: Violations,
): FieldValue | undefined {
  if (field.fieldKind === 'map') return refuse(name, NOT_SINGLE, violations);
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

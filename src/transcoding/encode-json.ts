import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { fieldNames, wireName } from './field-names.ts';
import { createMessage, type FieldValue, isRawNumber, type Message } from './message.ts';
import { at, type Violations } from './violations.ts';
import { jsonForm, wellKnownToJson } from './well-known.ts';

/** What accompanies the encoding of a message. */
export interface EncodeContext {
  /** Takes what cannot be written. */
  readonly violations: Violations;
  /** The fields that travel elsewhere, as paths of proto names: `until.status`. */
  readonly elsewhere: ReadonlySet<string>;
}

/**
 * Writes a message as Vultr's JSON: an object keyed by wire names in the order of the field numbers, then the members of
 * `additional_fields`, at every level. 64-bit integers are numbers (bigints here), enums their names, a NullValue
 * null, bytes base64.
 *
 * An additional field that is set already, and a number that JSON cannot represent, are violations.
 *
 * @param path leads to the message, as a path of proto names; "" for the request itself
 */
export function encodeMessage(
  descriptor: DescMessage,
  message: Message,
  path: string,
  context: EncodeContext,
): Message {
  const { ordered, additional } = fieldNames(descriptor);
  const object = createMessage();
  for (const field of ordered) {
    const value = message[field.name];
    const where = at(path, field.name);
    if (value === undefined || field === additional || context.elsewhere.has(where)) continue;
    object[wireName(field)] = encodeField(field, value, where, context);
  }
  const members = additional && message[additional.name];
  if (members === undefined) return object;
  const taken = new Set(ordered.filter((field) => message[field.name] !== undefined).map(wireName));
  for (const [name, value] of Object.entries(members as Message)) {
    const where = at(at(path, 'additional_fields'), name);
    if (taken.has(name))
      context.violations.add(where, `Already set by the field ${at(path, name)}. Leave one of them out.`);
    else object[name] = encodeStruct(value, where, context);
  }
  return object;
}

/** Writes the value of a field, lists and maps included. */
export function encodeField(
  field: DescField,
  value: FieldValue,
  path: string,
  context: EncodeContext,
): FieldValue {
  if (field.fieldKind === 'list') {
    return (value as FieldValue[]).map((element, index) =>
      encodeSingular(field, element, `${path}[${index}]`, context),
    );
  }
  if (field.fieldKind !== 'map') return encodeSingular(field, value, path, context);
  const object = createMessage();
  for (const [key, element] of Object.entries(value as Message)) {
    object[key] = encodeSingular(field, element, `${path}[${JSON.stringify(key)}]`, context);
  }
  return object;
}

/** Writes one value: of a singular field, an element of a list, or the value of a map entry. */
export function encodeSingular(
  field: DescField,
  value: FieldValue,
  path: string,
  context: EncodeContext,
): FieldValue {
  if (field.enum !== undefined) return encodeEnum(field.enum, value);
  if (field.message === undefined) return encodeScalar(value, path, context);
  switch (jsonForm(field.message)) {
    case 'fields':
      return encodeMessage(field.message, value as Message, path, context);
    case 'struct':
    case 'value':
    case 'list':
      return encodeStruct(value, path, context);
    case 'wrapper':
      return encodeWrapper(field.message, value as Message, path, context);
    default:
      try {
        return wellKnownToJson(field.message, value as Message, field.parent.file);
      } catch (error) {
        context.violations.add(path, `Cannot be written as JSON: ${(error as Error).message}.`);
        return null;
      }
  }
}

function encodeEnum(type: DescEnum, value: FieldValue): FieldValue {
  // The one value of google.protobuf.NullValue stands for JSON's null.
  if (type.typeName === 'google.protobuf.NullValue') return null;
  return type.value[value as number]?.name ?? value;
}

function encodeWrapper(
  wrapper: DescMessage,
  value: Message,
  path: string,
  context: EncodeContext,
): FieldValue {
  const held = value['value'];
  if (held !== undefined) return encodeScalar(held, path, context);
  // In binary the zero of the wrapped type is left out.
  switch (wrapper.typeName) {
    case 'google.protobuf.StringValue':
    case 'google.protobuf.BytesValue':
      return '';
    case 'google.protobuf.BoolValue':
      return false;
    default:
      return 0;
  }
}

function encodeScalar(value: FieldValue, path: string, context: EncodeContext): FieldValue {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'string' && !value.isWellFormed()) {
    context.violations.add(path, 'Contains half of a surrogate pair, which is not Unicode text.');
  }
  // proto3 JSON writes them as strings, but where Vultr expects a number a string is something else.
  if (typeof value === 'number' && !Number.isFinite(value)) {
    context.violations.add(path, notFinite(value));
    return null;
  }
  return value;
}

/** The content of a Struct is JSON already; only numbers that JSON cannot represent are refused. */
function encodeStruct(value: FieldValue, path: string, context: EncodeContext): FieldValue {
  // The way to each member is worked out only when one of them is at fault.
  if (hasNonFinite(value)) addNonFinite(value, path, context.violations);
  return value;
}

function hasNonFinite(value: FieldValue): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return false;
  return (Array.isArray(value) ? value : Object.values(value)).some(hasNonFinite);
}

function addNonFinite(value: FieldValue, path: string, violations: Violations): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) violations.add(path, notFinite(value));
  } else if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) addNonFinite(element, `${path}[${index}]`, violations);
  } else if (typeof value === 'object' && value !== null && !isRawNumber(value)) {
    for (const [key, element] of Object.entries(value))
      addNonFinite(element as FieldValue, at(path, key), violations);
  }
}

function notFinite(value: number): string {
  return `Must not be ${value}, which JSON cannot represent.`;
}

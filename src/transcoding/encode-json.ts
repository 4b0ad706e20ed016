import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { fieldNames, wireName } from './field-names.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import { enumToText } from './scalar-text.ts';
import { at, type Violations } from './violations.ts';
import { jsonForm, wellKnownToJson } from './well-known.ts';

/** What goes along while a message is encoded. */
export interface EncodeContext {
  /** Takes what cannot be written. */
  readonly violations: Violations;
  /** The fields that travel elsewhere, as paths of proto names: `until.status`. */
  readonly elsewhere: ReadonlySet<string>;
}

/**
 * Writes a message as Vultr's JSON: an object keyed by wire names in the order of the field numbers, then the members of
 * `additional_fields`, at every level. 64-bit integers are numbers (bigints here), enums their names, bytes base64.
 *
 * An additional field that is set already, and a number that JSON does not have, are violations.
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
      context.violations.add(
        where,
        `It is set already, as the field ${at(path, name)}. Leave one of them out.`,
      );
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
  if (field.enum !== undefined) return enumToText(field.enum, value as number);
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
        context.violations.add(path, `It has no JSON form: ${(error as Error).message}.`);
        return null;
      }
  }
}

function encodeWrapper(
  wrapper: DescMessage,
  value: Message,
  path: string,
  context: EncodeContext,
): FieldValue {
  const held = value['value'];
  if (held !== undefined) return encodeScalar(held, path, context);
  // The zero of the wrapped type does not travel in binary, so it is not there.
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
    context.violations.add(path, 'It holds a lone surrogate, which is no Unicode text.');
  }
  // proto3 JSON writes them as text; where a number is expected a text is another thing.
  if (typeof value === 'number' && !Number.isFinite(value)) {
    context.violations.add(path, `It is ${value}, which is no JSON number.`);
    return null;
  }
  return value;
}

/** What stands in a Struct is JSON already; only numbers that JSON does not have are refused. */
function encodeStruct(value: FieldValue, path: string, context: EncodeContext): FieldValue {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    context.violations.add(path, `It is ${value}, which is no JSON number.`);
    return null;
  }
  if (Array.isArray(value)) {
    value.forEach((element, index) => {
      encodeStruct(element, `${path}[${index}]`, context);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, element] of Object.entries(value))
      encodeStruct(element as FieldValue, at(path, key), context);
  }
  return value;
}

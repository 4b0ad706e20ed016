import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { decodeListValue, decodeStruct, decodeValue } from '../payload/decode-struct.ts';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { TooManyValuesError, WireReader } from '../payload/wire-reader.ts';
import { CallError } from '../status/call-error.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import { isLong, readScalar, scalarWireType } from './scalar-binary.ts';

/** How deep messages may be nested; protobuf's own default. */
const MAX_MESSAGE_DEPTH = 100;

/**
 * The most values in a message. Four megabytes can hold two million, and reading those would hold up everybody else. A
 * member of a Struct is four: the entry, its key, its value and what kind of value that is.
 */
const MAX_VALUES = 100_000;

/**
 * Reads the bytes of a message by its descriptor. Unknown fields, and fields with another wire type than declared, are
 * skipped, as protobuf demands.
 * @throws CallError INVALID_ARGUMENT, reason MALFORMED_MESSAGE, when the bytes are not such a message; RESOURCE_EXHAUSTED,
 *   reason REQUEST_TOO_LARGE, when it has more than 100 000 values
 */
export function decodeMessage(descriptor: DescMessage, bytes: Uint8Array): Message {
  try {
    const message = createMessage();
    mergeMessage(new WireReader(bytes, MAX_VALUES), descriptor, message, bytes.length, 1);
    return message;
  } catch (cause) {
    if (cause instanceof CallError) throw cause;
    if (cause instanceof TooManyValuesError) {
      throw new CallError(
        'RESOURCE_EXHAUSTED',
        'REQUEST_TOO_LARGE',
        `The request has more than ${MAX_VALUES} values.`,
        { httpStatus: 413 },
      );
    }
    throw new CallError(
      'INVALID_ARGUMENT',
      'MALFORMED_MESSAGE',
      `The request is not a valid ${descriptor.typeName} message.`,
      { cause },
    );
  }
}

function mergeMessage(
  reader: WireReader,
  descriptor: DescMessage,
  message: Message,
  end: number,
  depth: number,
): void {
  if (depth > MAX_MESSAGE_DEPTH) throw new RangeError('messages are nested too deep');
  const fields = fieldsByNumber(descriptor);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = fields.get(number);
    if (field !== undefined && accepts(field, wireType)) readField(reader, field, wireType, message, depth);
    else reader.skipField(wireType, number);
  }
  assertAt(reader, end);
}

/** A part that reaches past the end of the whole would take bytes that belong to something else. */
function assertAt(reader: WireReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field reaches past the end of its message');
}

/** Whether a field may have this wire type. A list of numbers may be packed or not, however it is declared. */
function accepts(field: DescField, wireType: WireType): boolean {
  if (field.fieldKind === 'map') return wireType === WireType.LengthDelimited;
  return wireType === valueWireType(field) || (wireType === WireType.LengthDelimited && isPackable(field));
}

/** The wire type of one value: of a singular field, an element of a list, or the value of a map entry. */
function valueWireType(field: DescField): WireType {
  return field.message ? WireType.LengthDelimited : scalarWireType(field.scalar ?? ScalarType.INT32);
}

function isPackable(field: DescField): boolean {
  return field.fieldKind === 'list' && valueWireType(field) !== WireType.LengthDelimited;
}

const FIELDS = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsByNumber(descriptor: DescMessage): ReadonlyMap<number, DescField> {
  let fields = FIELDS.get(descriptor);
  if (fields === undefined) {
    fields = new Map(descriptor.fields.map((field) => [field.number, field]));
    FIELDS.set(descriptor, fields);
  }
  return fields;
}

function readField(
  reader: WireReader,
  field: DescField,
  wireType: WireType,
  message: Message,
  depth: number,
): void {
  if (field.oneof !== undefined) {
    for (const sibling of field.oneof.fields) if (sibling !== field) delete message[sibling.name];
  }
  switch (field.fieldKind) {
    case 'list':
      readElements(reader, field, wireType, listOf(message, field), depth);
      return;
    case 'map':
      readEntry(reader, field, mapOf(message, field), depth);
      return;
    default:
      message[field.name] = readSingular(reader, field, message[field.name], depth);
  }
}

function listOf(message: Message, field: DescField): FieldValue[] {
  const list = message[field.name];
  if (Array.isArray(list)) return list;
  const created: FieldValue[] = [];
  message[field.name] = created;
  return created;
}

function mapOf(message: Message, field: DescField): Message {
  const map = message[field.name] as Message | undefined;
  if (map !== undefined) return map;
  const created = createMessage();
  message[field.name] = created;
  return created;
}

function readElements(
  reader: WireReader,
  field: DescField & { fieldKind: 'list' },
  wireType: WireType,
  list: FieldValue[],
  depth: number,
): void {
  if (!isPackable(field) || wireType !== WireType.LengthDelimited) {
    list.push(readSingular(reader, field, undefined, depth));
    return;
  }
  const type = field.scalar ?? ScalarType.INT32;
  const end = reader.end();
  while (reader.pos < end) {
    reader.countValue();
    list.push(readScalar(reader, type));
  }
  assertAt(reader, end);
}

function readEntry(
  reader: WireReader,
  field: DescField & { fieldKind: 'map' },
  map: Record<string, FieldValue>,
  depth: number,
): void {
  const end = reader.end();
  let key = zeroKey(field.mapKey);
  let value: FieldValue | undefined;
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === scalarWireType(field.mapKey))
      key = String(readScalar(reader, field.mapKey));
    else if (number === 2 && wireType === valueWireType(field))
      value = readSingular(reader, field, value, depth);
    else reader.skipField(wireType, number);
  }
  assertAt(reader, end);
  map[key] = value ?? zeroValue(field);
}

/** The key of an entry that has none. */
function zeroKey(type: ScalarType): string {
  if (type === ScalarType.STRING) return '';
  return type === ScalarType.BOOL ? 'false' : '0';
}

/** The value of an entry that has none (protobuf's encoders leave out zeros). */
function zeroValue(field: DescField & { fieldKind: 'map' }): FieldValue {
  if (field.mapKind === 'message')
    return field.message.typeName === 'google.protobuf.Value' ? null : createMessage();
  if (field.mapKind === 'enum') return 0;
  if (field.scalar === ScalarType.STRING) return '';
  if (field.scalar === ScalarType.BOOL) return false;
  if (field.scalar === ScalarType.BYTES) return new Uint8Array();
  return isLong(field.scalar) ? 0n : 0;
}

/** One value: of a singular field, an element of a list, or the value of a map entry. */
function readSingular(
  reader: WireReader,
  field: DescField,
  before: FieldValue | undefined,
  depth: number,
): FieldValue {
  if (field.message === undefined) return readScalar(reader, field.scalar ?? ScalarType.INT32);
  const read = JSON_READERS[field.message.typeName];
  if (read !== undefined) return readJson(reader, field, read, before);
  const message = (before as Message | undefined) ?? createMessage();
  mergeMessage(reader, field.message, message, reader.end(), depth + 1);
  return message;
}

type JsonReader = (reader: WireReader, end: number, before: never) => JsonValue;

/** The messages that are held as the JSON that they mean. */
const JSON_READERS: Readonly<Record<string, JsonReader>> = {
  'google.protobuf.Struct': (reader, end, before: JsonObject | undefined) =>
    decodeStruct(reader, end, 1, before),
  'google.protobuf.ListValue': (reader, end, before: JsonValue[] | undefined) =>
    decodeListValue(reader, end, 1, before),
  'google.protobuf.Value': (reader, end) => decodeValue(reader, end),
};

/** Reads such a message; a fault inside it is reported as one of its field. */
function readJson(
  reader: WireReader,
  field: DescField,
  read: JsonReader,
  before: FieldValue | undefined,
): FieldValue {
  try {
    return read(reader, reader.end(), before as never) as FieldValue;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw CallError.invalid(error.violations.map(({ description }) => ({ field: field.name, description })));
  }
}

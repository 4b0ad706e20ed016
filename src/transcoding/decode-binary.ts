import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { decodeListValue, decodeStruct, decodeValue } from '../payload/struct.ts';
import { CallError } from '../status/call-error.ts';
import { createMessage, type FieldValue, type Message } from './message.ts';
import { isLong, readScalar, scalarWireType } from './scalar-binary.ts';

/** How deep messages may be nested; protobuf's own default. */
const MAX_MESSAGE_DEPTH = 100;

/**
 * Reads the bytes of a message by its descriptor. Unknown fields are skipped, as protobuf asks.
 * @throws CallError INVALID_ARGUMENT, reason MALFORMED_MESSAGE, when the bytes are not such a message
 */
export function decodeMessage(descriptor: DescMessage, bytes: Uint8Array): Message {
  try {
    const reader = new BinaryReader(bytes);
    return readMessage(reader, descriptor, bytes.length, 1);
  } catch (cause) {
    if (cause instanceof CallError) throw cause;
    throw new CallError(
      'INVALID_ARGUMENT',
      'MALFORMED_MESSAGE',
      `The request is not a valid ${descriptor.typeName} message.`,
      { cause },
    );
  }
}

function readMessage(reader: BinaryReader, descriptor: DescMessage, length: number, depth: number): Message {
  const message = createMessage();
  mergeMessage(reader, descriptor, message, length, depth);
  return message;
}

function mergeMessage(
  reader: BinaryReader,
  descriptor: DescMessage,
  message: Message,
  length: number,
  depth: number,
): void {
  if (depth > MAX_MESSAGE_DEPTH) throw new RangeError('messages are nested too deep');
  const fields = fieldsByNumber(descriptor);
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('the message ends too early');
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = fields.get(number);
    if (field === undefined) reader.skip(wireType, number);
    else readField(reader, field, wireType, message, depth);
  }
  assertAt(reader, end);
}

/** A part that reaches past the end of the whole would take bytes that belong to something else. */
function assertAt(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field reaches past the end of its message');
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
  reader: BinaryReader,
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
      if (wireType !== WireType.LengthDelimited) throw wrongWireType(field);
      readEntry(reader, field, mapOf(message, field), depth);
      return;
    default:
      message[field.name] = readSingular(reader, field, wireType, message[field.name], depth);
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
  reader: BinaryReader,
  field: DescField & { fieldKind: 'list' },
  wireType: WireType,
  list: FieldValue[],
  depth: number,
): void {
  const type =
    field.listKind === 'scalar' ? field.scalar : field.listKind === 'enum' ? ScalarType.INT32 : undefined;
  const packable = type !== undefined && type !== ScalarType.STRING && type !== ScalarType.BYTES;
  if (!packable || wireType !== WireType.LengthDelimited) {
    list.push(readSingular(reader, field, wireType, undefined, depth));
    return;
  }
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) list.push(readScalar(reader, type));
  assertAt(reader, end);
}

function readEntry(
  reader: BinaryReader,
  field: DescField & { fieldKind: 'map' },
  map: Record<string, FieldValue>,
  depth: number,
): void {
  const end = reader.uint32() + reader.pos;
  let key = zeroKey(field.mapKey);
  let value: FieldValue | undefined;
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === 1) key = String(readScalar(reader, field.mapKey));
    else if (number === 2) value = readSingular(reader, field, wireType, value, depth);
    else reader.skip(wireType, number);
  }
  assertAt(reader, end);
  map[key] = value ?? zeroValue(field);
}

/** What an entry's key is when it is left out. */
function zeroKey(type: ScalarType): string {
  if (type === ScalarType.STRING) return '';
  return type === ScalarType.BOOL ? 'false' : '0';
}

/** What an entry's value is when it is left out (protobuf's encoders leave zeros out). */
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
  reader: BinaryReader,
  field: DescField,
  wireType: WireType,
  before: FieldValue | undefined,
  depth: number,
): FieldValue {
  const expected = field.message
    ? WireType.LengthDelimited
    : scalarWireType(field.scalar ?? ScalarType.INT32);
  if (wireType !== expected) throw wrongWireType(field);
  if (field.message === undefined) return readScalar(reader, field.scalar ?? ScalarType.INT32);
  const read = JSON_READERS[field.message.typeName];
  if (read !== undefined) return readJson(reader, field, read, before);
  const message = (before as Message | undefined) ?? createMessage();
  mergeMessage(reader, field.message, message, reader.uint32(), depth + 1);
  return message;
}

function wrongWireType(field: DescField): TypeError {
  return new TypeError(`field ${field.name} has the wrong wire type`);
}

type JsonReader = (reader: BinaryReader, length: number, before: never) => JsonValue;

/** The messages that stand in a Message as the JSON they mean. */
const JSON_READERS: Readonly<Record<string, JsonReader>> = {
  'google.protobuf.Struct': (reader, length, before: JsonObject | undefined) =>
    decodeStruct(reader, length, 1, before),
  'google.protobuf.ListValue': (reader, length, before: JsonValue[] | undefined) =>
    decodeListValue(reader, length, 1, before),
  'google.protobuf.Value': (reader, length) => decodeValue(reader, length),
};

/** Reads such a message; what is wrong inside of it is wrong with its field. */
function readJson(
  reader: BinaryReader,
  field: DescField,
  read: JsonReader,
  before: FieldValue | undefined,
): FieldValue {
  try {
    return read(reader, reader.uint32(), before as never) as FieldValue;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw CallError.invalid(error.violations.map(({ description }) => ({ field: field.name, description })));
  }
}

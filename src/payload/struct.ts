import { type BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { CallError } from '../status/call-error.ts';
import type { JsonObject, JsonValue } from './json.ts';

/**
 * How deep JSON may be nested, in either direction. Each level is three messages of google/protobuf/struct.proto, more
 * than the recursion limit of most protobuf runtimes bears at 34 levels already, so callers' limits come first.
 */
export const MAX_DEPTH = 100;

/** The tags of google/protobuf/struct.proto: field number × 8 + wire type. */
const TAG = {
  structFields: 10,
  entryKey: 10,
  entryValue: 18,
  nullValue: 8,
  numberValue: 17,
  stringValue: 26,
  boolValue: 32,
  structValue: 42,
  listValue: 50,
  listValues: 10,
} as const;

/**
 * Writes a JSON object as the bytes of a google.protobuf.Struct.
 * @throws CallError INTERNAL when it is nested too deep or holds a number that no double is equal to
 */
export function encodeStruct(value: JsonObject): Uint8Array {
  const writer = new BinaryWriter();
  writeStruct(writer, value, 1);
  return writer.finish();
}

function writeStruct(writer: BinaryWriter, object: JsonObject, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new CallError(
      'INTERNAL',
      'BAD_UPSTREAM_RESPONSE',
      `The answer is nested deeper than ${MAX_DEPTH} levels.`,
    );
  }
  for (const [key, value] of Object.entries(object)) {
    writer.uint32(TAG.structFields).fork();
    writer.uint32(TAG.entryKey).string(key.toWellFormed());
    writer.uint32(TAG.entryValue).fork();
    writeValue(writer, value, depth, key);
    writer.join().join();
  }
}

function writeValue(writer: BinaryWriter, value: JsonValue, depth: number, key: string): void {
  switch (typeof value) {
    case 'string':
      writer.uint32(TAG.stringValue).string(value.toWellFormed());
      return;
    case 'number':
      writer.uint32(TAG.numberValue).double(value);
      return;
    case 'boolean':
      writer.uint32(TAG.boolValue).bool(value);
      return;
    case 'bigint':
      writer.uint32(TAG.numberValue).double(toExactDouble(value, key));
      return;
    default:
      writeContainer(writer, value, depth, key);
  }
}

function toExactDouble(value: bigint, key: string): number {
  const double = Number(value);
  if (!Number.isFinite(double) || BigInt(double) !== value) throw notRepresentable(key, value.toString());
  return double;
}

function writeContainer(
  writer: BinaryWriter,
  value: Exclude<JsonValue, string | number | boolean | bigint>,
  depth: number,
  key: string,
): void {
  if (value === null) {
    writer.uint32(TAG.nullValue).int32(0);
  } else if (Array.isArray(value)) {
    if (depth >= MAX_DEPTH)
      throw new CallError('INTERNAL', 'BAD_UPSTREAM_RESPONSE', 'The answer is nested too deep.');
    writer.uint32(TAG.listValue).fork();
    for (const element of value) {
      writer.uint32(TAG.listValues).fork();
      writeValue(writer, element, depth + 1, key);
      writer.join();
    }
    writer.join();
  } else if (JSON.isRawJSON(value)) {
    throw notRepresentable(key, value.rawJSON);
  } else {
    writer.uint32(TAG.structValue).fork();
    writeStruct(writer, value, depth + 1);
    writer.join();
  }
}

function notRepresentable(key: string, text: string): CallError {
  return new CallError(
    'INTERNAL',
    'NUMBER_NOT_REPRESENTABLE',
    `Vultr did what was asked and answered with a number in "${key}" that google.protobuf.Struct cannot carry exactly: ` +
      `${text.slice(0, 60)}. The HTTP side carries it.`,
    { metadata: { member: key.slice(0, 100) } },
  );
}

/**
 * Reads the bytes of a google.protobuf.Struct, up to an end, as a JSON object without prototype.
 * @param depth at which level of nesting it stands
 * @param object what an earlier part of the same field held; its members stay, where they are not given again
 * @throws CallError INVALID_ARGUMENT when it is nested too deep or holds NaN or an infinity
 * @throws Error when the bytes are malformed
 */
export function decodeStruct(
  reader: BinaryReader,
  length: number,
  depth = 1,
  object = Object.create(null) as JsonObject,
): JsonObject {
  const end = enter(reader, length, depth);
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) readEntry(reader, object, depth);
    else reader.skip(wireType, field);
  }
  assertAt(reader, end);
  return object;
}

/** Reads a google.protobuf.ListValue, as decodeStruct does; `list` is what an earlier part of the same field held. */
export function decodeListValue(
  reader: BinaryReader,
  length: number,
  depth = 1,
  list: JsonValue[] = [],
): JsonValue[] {
  const end = enter(reader, length, depth);
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited)
      list.push(decodeValue(reader, reader.uint32(), depth));
    else reader.skip(wireType, field);
  }
  assertAt(reader, end);
  return list;
}

/** Reads a google.protobuf.Value, as decodeStruct does. One without a kind is null. */
export function decodeValue(reader: BinaryReader, length: number, depth = 0): JsonValue {
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('the message ends too early');
  let value: JsonValue = null;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    value = readKind(reader, field, wireType, depth, value);
  }
  assertAt(reader, end);
  return value;
}

function readKind(
  reader: BinaryReader,
  field: number,
  wireType: WireType,
  depth: number,
  before: JsonValue,
): JsonValue {
  switch ((field << 3) | wireType) {
    case TAG.nullValue:
      reader.int32();
      return null;
    case TAG.numberValue: {
      const number = reader.double();
      if (Number.isFinite(number)) return number;
      throw CallError.invalid([
        { field: '', description: `${number} in a google.protobuf.Value is no JSON number.` },
      ]);
    }
    case TAG.stringValue:
      return reader.string(true);
    case TAG.boolValue:
      return reader.bool();
    case TAG.structValue:
      return decodeStruct(reader, reader.uint32(), depth + 1);
    case TAG.listValue:
      return decodeListValue(reader, reader.uint32(), depth + 1);
    default:
      reader.skip(wireType, field);
      return before;
  }
}

function readEntry(reader: BinaryReader, object: JsonObject, depth: number): void {
  const end = reader.uint32() + reader.pos;
  let key = '';
  let value: JsonValue = null;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) key = reader.string(true);
    else if (field === 2 && wireType === WireType.LengthDelimited)
      value = decodeValue(reader, reader.uint32(), depth);
    else reader.skip(wireType, field);
  }
  assertAt(reader, end);
  object[key] = value;
}

function enter(reader: BinaryReader, length: number, depth: number): number {
  if (depth > MAX_DEPTH) {
    throw CallError.invalid([{ field: '', description: `It is nested deeper than ${MAX_DEPTH} levels.` }]);
  }
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('the message ends too early');
  return end;
}

/** A part that reaches past the end of the whole would take bytes that belong to something else. */
function assertAt(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field reaches past the end of its message');
}

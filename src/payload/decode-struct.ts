import { WireType } from '@bufbuild/protobuf/wire';
import { CallError } from '../status/call-error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { MAX_DEPTH, TAG } from './struct-format.ts';
import type { WireReader } from './wire-reader.ts';

/**
 * Reads a google.protobuf.Struct as a JSON object without prototype.
 * @param end where its bytes end
 * @param depth its level of nesting
 * @param object what an earlier part of the same field held; its members stay unless they are given again
 * @throws CallError INVALID_ARGUMENT when it is nested too deep or contains NaN or an infinity
 * @throws Error when the bytes are malformed
 */
export function decodeStruct(
  reader: WireReader,
  end: number,
  depth = 1,
  object = Object.create(null) as JsonObject,
): JsonObject {
  checkDepth(depth);
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) readEntry(reader, object, depth);
    else reader.skipField(wireType, field);
  }
  assertAt(reader, end);
  return object;
}

/** Reads a google.protobuf.ListValue, as decodeStruct does; `list` is what an earlier part of the same field held. */
export function decodeListValue(
  reader: WireReader,
  end: number,
  depth = 1,
  list: JsonValue[] = [],
): JsonValue[] {
  checkDepth(depth);
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited)
      list.push(decodeValue(reader, reader.end(), depth));
    else reader.skipField(wireType, field);
  }
  assertAt(reader, end);
  return list;
}

/** Reads a google.protobuf.Value, as decodeStruct does. One without a kind is null. */
export function decodeValue(reader: WireReader, end: number, depth = 0): JsonValue {
  let value: JsonValue = null;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    value = readKind(reader, field, wireType, depth, value);
  }
  assertAt(reader, end);
  return value;
}

function readKind(
  reader: WireReader,
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
        { field: '', description: `Must not contain ${number}, which JSON cannot represent.` },
      ]);
    }
    case TAG.stringValue:
      return reader.string(true);
    case TAG.boolValue:
      return reader.bool();
    case TAG.structValue:
      return decodeStruct(reader, reader.end(), depth + 1);
    case TAG.listValue:
      return decodeListValue(reader, reader.end(), depth + 1);
    default:
      reader.skipField(wireType, field);
      return before;
  }
}

function readEntry(reader: WireReader, object: JsonObject, depth: number): void {
  const end = reader.end();
  let key = '';
  let value: JsonValue = null;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) key = reader.string(true);
    else if (field === 2 && wireType === WireType.LengthDelimited)
      value = decodeValue(reader, reader.end(), depth);
    else reader.skipField(wireType, field);
  }
  assertAt(reader, end);
  object[key] = value;
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw CallError.invalid([
      { field: '', description: `Must not be nested deeper than ${MAX_DEPTH} levels.` },
    ]);
  }
}

/** A part that reaches past the end of the whole would take bytes that belong to something else. */
function assertAt(reader: WireReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field reaches past the end of its message');
}

import { CallError } from '../status/call-error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { MAX_DEPTH, TAG } from './struct-format.ts';

/** The bytes that a Value of a number and one of a boolean or null take. */
const NUMBER_SIZE = 9;
const SMALL_SIZE = 2;

/** Up to here the call that copies a text costs more than a loop over its characters. */
const MAX_LOOPED_LENGTH = 40;

/**
 * Writes a JSON object as the bytes of a google.protobuf.Struct. Half of a surrogate pair becomes U+FFFD.
 *
 * Every length precedes what it measures, so a first pass computes the lengths, and a second one writes everything into a
 * buffer of the right size.
 * @throws CallError INTERNAL when it is nested too deep or contains a number that no double is equal to
 */
export function encodeStruct(object: JsonObject): Uint8Array {
  const plan: Plan = { lengths: [], keys: [] };
  const size = measureStruct(object, plan, 1);
  const writer = new StructWriter(size, plan);
  writer.writeStruct(object);
  return writer.bytes;
}

/** What the first pass finds out, in the order in which the second one needs it. */
interface Plan {
  readonly lengths: number[];
  /** The keys of each object: listing those of a large one costs more than all the rest. */
  readonly keys: string[][];
}

/** Appends what an object's parts need to the plan, and returns the object's own length. */
function measureStruct(object: JsonObject, plan: Plan, depth: number): number {
  if (depth > MAX_DEPTH) throw nestedTooDeep();
  const { lengths } = plan;
  const keys = Object.keys(object);
  plan.keys.push(keys);
  let size = 0;
  for (const key of keys) {
    const at = lengths.push(0, 0) - 2;
    const keyLength = Buffer.byteLength(key);
    const valueSize = measureValue(object[key] ?? null, plan, depth, key);
    const entrySize = withLength(keyLength) + withLength(valueSize);
    lengths[at] = entrySize;
    lengths[at + 1] = keyLength;
    size += withLength(entrySize);
  }
  return size;
}

function measureValue(value: JsonValue, plan: Plan, depth: number, key: string): number {
  switch (typeof value) {
    case 'number':
      return NUMBER_SIZE;
    case 'bigint':
      if (BigInt(toDouble(value, key)) !== value) throw notRepresentable(key, value.toString());
      return NUMBER_SIZE;
    case 'boolean':
      return SMALL_SIZE;
    default:
      if (value === null) return SMALL_SIZE;
      if (typeof value !== 'string' && JSON.isRawJSON(value)) throw notRepresentable(key, value.rawJSON);
      return withLength(measureContent(value, plan, depth, key));
  }
}

function measureContent(
  value: string | JsonValue[] | JsonObject,
  plan: Plan,
  depth: number,
  key: string,
): number {
  const at = plan.lengths.push(0) - 1;
  let size = 0;
  if (typeof value === 'string') {
    size = Buffer.byteLength(value);
  } else if (!Array.isArray(value)) {
    size = measureStruct(value, plan, depth + 1);
  } else {
    if (depth >= MAX_DEPTH) throw nestedTooDeep();
    for (const element of value) size += withLength(measureValue(element, plan, depth + 1, key));
  }
  plan.lengths[at] = size;
  return size;
}

/** The bytes of a field with this length: a tag of one byte, the length, the content. */
function withLength(length: number): number {
  let size = length + 2;
  for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

class StructWriter {
  readonly bytes: Buffer;
  readonly #plan: Plan;
  #position = 0;
  #nextLength = 0;
  #nextKeys = 0;

  constructor(size: number, plan: Plan) {
    this.bytes = Buffer.allocUnsafe(size);
    this.#plan = plan;
  }

  writeStruct(object: JsonObject): void {
    for (const key of this.#plan.keys[this.#nextKeys++] ?? []) {
      const entrySize = this.#takeLength();
      const keyLength = this.#takeLength();
      this.#writePrefix(TAG.structFields, entrySize);
      this.#writePrefix(TAG.entryKey, keyLength);
      this.#writeText(key, keyLength);
      this.#writeValueField(TAG.entryValue, object[key] ?? null);
    }
  }

  /** A Value as a field of a map entry or an element of a list. */
  #writeValueField(tag: number, value: JsonValue): void {
    if (typeof value === 'number' || typeof value === 'bigint') {
      this.#writePrefix(tag, NUMBER_SIZE);
      this.bytes[this.#position] = TAG.numberValue;
      this.#position = this.bytes.writeDoubleLE(Number(value), this.#position + 1);
    } else if (value === null || typeof value === 'boolean') {
      this.#writePrefix(tag, SMALL_SIZE);
      this.#writePrefix(value === null ? TAG.nullValue : TAG.boolValue, value === true ? 1 : 0);
    } else {
      const length = this.#takeLength();
      this.#writePrefix(tag, withLength(length));
      this.#writeContent(value as string | JsonValue[] | JsonObject, length);
    }
  }

  #writeContent(value: string | JsonValue[] | JsonObject, length: number): void {
    if (typeof value === 'string') {
      this.#writePrefix(TAG.stringValue, length);
      this.#writeText(value, length);
    } else if (Array.isArray(value)) {
      this.#writePrefix(TAG.listValue, length);
      for (const element of value) this.#writeValueField(TAG.listValues, element);
    } else {
      this.#writePrefix(TAG.structValue, length);
      this.writeStruct(value);
    }
  }

  /** A tag, which is one byte throughout struct.proto, and a length or another small number. */
  #writePrefix(tag: number, length: number): void {
    this.bytes[this.#position++] = tag;
    let rest = length;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.bytes[this.#position++] = (rest % 0x80) | 0x80;
    this.bytes[this.#position++] = rest;
  }

  #writeText(text: string, length: number): void {
    if (length !== text.length || length > MAX_LOOPED_LENGTH) {
      this.#position += this.bytes.write(text, this.#position);
      return;
    }
    // As many bytes as UTF-16 units: it is ASCII.
    for (let index = 0; index < length; index += 1) this.bytes[this.#position++] = text.charCodeAt(index);
  }

  #takeLength(): number {
    return this.#plan.lengths[this.#nextLength++] ?? 0;
  }
}

function toDouble(value: bigint, key: string): number {
  const double = Number(value);
  if (!Number.isFinite(double)) throw notRepresentable(key, value.toString());
  return double;
}

function nestedTooDeep(): CallError {
  return new CallError(
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    `The response is nested deeper than ${MAX_DEPTH} levels.`,
  );
}

function notRepresentable(key: string, text: string): CallError {
  return new CallError(
    'INTERNAL',
    'NUMBER_NOT_REPRESENTABLE',
    `Vultr did what was asked and responded with a number in "${key}" that google.protobuf.Struct cannot represent exactly: ` +
      `${text.slice(0, 60)}. The HTTP side returns it unchanged.`,
    { metadata: { member: key.slice(0, 100) } },
  );
}

import { CallError } from '../status/call-error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { MAX_DEPTH, TAG } from './struct-format.ts';

/** The bytes that a Value of a number takes. */
const NUMBER_SIZE = 9;

/** Up to here the call that copies a text costs more than a loop over its characters. */
const MAX_LOOPED_LENGTH = 24;

/** A UTF-16 unit becomes three bytes at most: half of a surrogate pair becomes U+FFFD, a whole one takes four for its two. */
const MAX_BYTES_PER_UNIT = 3;

/** The size of the buffer that is used again for every message; a larger message has one of its own. */
const KEPT_BYTES = 64 * 1024;

/**
 * Writes a JSON object as the bytes of a google.protobuf.Struct. Half of a surrogate pair becomes U+FFFD.
 *
 * Every length precedes what it measures. So everything is written backwards, the last byte first: by the time that a length is
 * written, what it measures is there, and one pass is enough.
 * @throws CallError INTERNAL when it is nested too deep or contains a number that no double is equal to
 */
export function encodeStruct(object: JsonObject): Uint8Array {
  const writer = new BackwardWriter();
  writer.writeStruct(object, 1);
  return writer.take();
}

/** Where messages are written before they are copied out. Nothing is awaited in between, so one is enough for all. */
const scratch = Buffer.allocUnsafeSlow(KEPT_BYTES);

/** Where the bytes of a double are read from. */
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

class BackwardWriter {
  #bytes = scratch;
  /** Where the written part begins; it reaches to the end of the buffer. */
  #start = scratch.length;

  /** How much is written. Positions change when the buffer grows; this does not. */
  get #size(): number {
    return this.#bytes.length - this.#start;
  }

  /** The message, in memory of its own. */
  take(): Uint8Array {
    return Buffer.from(this.#bytes.subarray(this.#start));
  }

  writeStruct(object: JsonObject, depth: number): void {
    if (depth > MAX_DEPTH) throw nestedTooDeep();
    const keys = Object.keys(object);
    for (let index = keys.length - 1; index >= 0; index -= 1) {
      const key = keys[index] ?? '';
      const before = this.#size;
      this.#writeValue(TAG.entryValue, object[key] ?? null, depth, key);
      this.#writeText(TAG.entryKey, key);
      this.#writePrefix(TAG.structFields, this.#size - before);
    }
  }

  /** A Value as a field of a map entry or an element of a list. */
  #writeValue(tag: number, value: JsonValue, depth: number, key: string): void {
    if (typeof value === 'string') {
      const before = this.#size;
      this.#writeText(TAG.stringValue, value);
      this.#writePrefix(tag, this.#size - before);
    } else if (typeof value === 'number') {
      this.#writeDouble(tag, value);
    } else if (value === null) {
      this.#writeSmall(tag, TAG.nullValue, 0);
    } else if (typeof value === 'boolean') {
      this.#writeSmall(tag, TAG.boolValue, Number(value));
    } else if (typeof value === 'bigint') {
      if (BigInt(toDouble(value, key)) !== value) throw notRepresentable(key, value.toString());
      this.#writeDouble(tag, Number(value));
    } else if (JSON.isRawJSON(value)) {
      throw notRepresentable(key, value.rawJSON);
    } else {
      this.#writeNested(tag, value, depth, key);
    }
  }

  #writeNested(tag: number, value: JsonValue[] | JsonObject, depth: number, key: string): void {
    const before = this.#size;
    if (Array.isArray(value)) {
      if (depth >= MAX_DEPTH) throw nestedTooDeep();
      for (let index = value.length - 1; index >= 0; index -= 1) {
        this.#writeValue(TAG.listValues, value[index] ?? null, depth + 1, key);
      }
      this.#writePrefix(TAG.listValue, this.#size - before);
    } else {
      this.writeStruct(value, depth + 1);
      this.#writePrefix(TAG.structValue, this.#size - before);
    }
    this.#writePrefix(tag, this.#size - before);
  }

  #writeDouble(tag: number, value: number): void {
    this.#reserve(NUMBER_SIZE + 2);
    double[0] = value;
    const bytes = this.#bytes;
    let at = this.#start;
    for (let index = 7; index >= 0; index -= 1) bytes[--at] = doubleBytes[index] ?? 0;
    bytes[--at] = TAG.numberValue;
    bytes[--at] = NUMBER_SIZE;
    bytes[--at] = tag;
    this.#start = at;
  }

  /** A Value that takes two bytes: null, true or false. */
  #writeSmall(tag: number, kind: number, value: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    bytes[--this.#start] = value;
    bytes[--this.#start] = kind;
    bytes[--this.#start] = 2;
    bytes[--this.#start] = tag;
  }

  /** A tag, which is one byte throughout struct.proto, and the length of what was written last. */
  #writePrefix(tag: number, length: number): void {
    this.#reserve(6);
    const bytes = this.#bytes;
    let at = this.#start;
    if (length > 0x7f) {
      // The last byte of a varint is the one with the highest bits, and the only one without the mark.
      let size = 1;
      for (let rest = length; rest > 0x7f; rest >>>= 7) size += 1;
      at -= size;
      let rest = length;
      for (let index = 0; index < size - 1; index += 1, rest >>>= 7) bytes[at + index] = (rest & 0x7f) | 0x80;
      bytes[at + size - 1] = rest;
    } else {
      bytes[--at] = length;
    }
    bytes[--at] = tag;
    this.#start = at;
  }

  /** A text with its length and tag. */
  #writeText(tag: number, text: string): void {
    const { length } = text;
    this.#reserve(length * MAX_BYTES_PER_UNIT + 6);
    if (length > MAX_LOOPED_LENGTH || !this.#writeAscii(text)) {
      const size = Buffer.byteLength(text);
      this.#start -= size;
      if (size === length) this.#bytes.write(text, this.#start, 'latin1');
      else this.#bytes.write(text, this.#start);
      this.#writePrefix(tag, size);
    } else {
      this.#writePrefix(tag, length);
    }
  }

  /** Writes a text if it is ASCII; else nothing is done. */
  #writeAscii(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#start;
    for (let index = text.length - 1; index >= 0; index -= 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[--at] = unit;
    }
    this.#start = at;
    return true;
  }

  /** Makes room for so many bytes more in front. */
  #reserve(size: number): void {
    if (this.#start < size) this.#grow(size);
  }

  #grow(size: number): void {
    const written = this.#bytes.subarray(this.#start);
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, written.length + size));
    this.#start = larger.length - written.length;
    larger.set(written, this.#start);
    this.#bytes = larger;
  }
}

function toDouble(value: bigint, key: string): number {
  const number = Number(value);
  if (!Number.isFinite(number)) throw notRepresentable(key, value.toString());
  return number;
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

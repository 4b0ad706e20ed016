import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** How deep groups may be nested in each other; no sender makes them any more. */
const MAX_GROUP_DEPTH = 100;

const MAX_UINT32 = 0xffff_ffff;

/** Bytes with more values than a reader may read. */
export class TooManyValuesError extends Error {
  override readonly name = 'TooManyValuesError';
}

/**
 * Reads the wire format of protobuf from untrusted bytes. The BinaryReader that it is based on silently cuts lengths and tags
 * down to 32 bits, so that a length of 2^32 + 3 reads as 3; here they are refused. It also counts the
 * fields, as a megabyte can hold half a million of them.
 */
export class WireReader extends BinaryReader {
  #valuesLeft: number;

  /** @param maxValues the most fields that it reads, elements of packed lists included */
  constructor(bytes: Uint8Array, maxValues: number) {
    super(bytes);
    this.#valuesLeft = maxValues;
  }

  /**
   * Counts one more value; a tag counts by itself.
   * @throws TooManyValuesError when there are more than the reader takes
   */
  countValue(): void {
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) throw new TooManyValuesError('there are too many values');
  }

  override tag(): [number, WireType] {
    this.countValue();
    const start = this.pos;
    const tag = super.tag();
    if (this.pos - start >= 5) this.#readUint32Again(start);
    return tag;
  }

  /**
   * Reads the length of what follows.
   * @returns where it ends
   * @throws RangeError when that is after the end of all bytes
   */
  end(): number {
    const start = this.pos;
    let length = this.uint32();
    // A shorter varint has at most 28 bits, of which nothing was cut.
    if (this.pos - start >= 5) length = this.#readUint32Again(start);
    if (length > this.len - this.pos) throw new RangeError('a length reaches past the end');
    return this.pos + length;
  }

  override bytes(): Uint8Array {
    this.#checkLength();
    return super.bytes();
  }

  override string(strict = false): string {
    this.#checkLength();
    return super.string(strict);
  }

  /** Skips a field that is unknown, or that has another wire type than its descriptor says. */
  skipField(wireType: WireType, number: number, depth = 1): void {
    if (wireType === WireType.LengthDelimited) this.pos = this.end();
    else if (wireType === WireType.StartGroup) this.#skipGroup(number, depth);
    else this.skip(wireType, number);
  }

  #skipGroup(number: number, depth: number): void {
    if (depth > MAX_GROUP_DEPTH) throw new RangeError('groups are nested too deep');
    for (;;) {
      const [inner, wireType] = this.tag();
      if (wireType !== WireType.EndGroup) this.skipField(wireType, inner, depth + 1);
      else if (inner === number) return;
      else throw new RangeError('the end of another group');
    }
  }

  #checkLength(): void {
    const start = this.pos;
    this.end();
    this.pos = start;
  }

  #readUint32Again(start: number): number {
    this.pos = start;
    const whole = BigInt(this.uint64());
    if (whole > MAX_UINT32) throw new RangeError('a length or tag has more than 32 bits');
    return Number(whole);
  }
}

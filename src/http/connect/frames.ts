import { malformedFrames, messageTooLarge } from './errors.ts';

/** The bytes before each message: a byte of flags, and the length. */
export const HEAD_BYTES = 5;

/** The message is compressed. */
export const COMPRESSED = 0b1;

/** A message as it stands in a body. */
export interface Frame {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Puts the head in front of a message. */
export function frame(flags: number, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + data.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(data.length, 1);
  bytes.set(data, HEAD_BYTES);
  return bytes;
}

/** What a reader of frames is bounded by. */
export interface FrameBounds {
  /** The most bytes of one message, as it stands in the body. */
  readonly maxBytes: number;
  /** Accounts for memory; throws a CallError when there is none left. */
  readonly hold: (bytes: number) => void;
}

const FIRST_BYTES = 4 * 1024;

/** Cuts a body into its frames as it arrives. It holds one message at most, in a buffer that it keeps. */
export class FrameReader {
  readonly #bounds: FrameBounds;
  #buffer = Buffer.alloc(0);
  #length = 0;

  constructor(bounds: FrameBounds) {
    this.#bounds = bounds;
  }

  /**
   * Takes in the next bytes.
   * @returns the frames that are complete with them
   * @throws CallError RESOURCE_EXHAUSTED as soon as a head announces a message over the limit
   */
  *push(chunk: Uint8Array): Generator<Frame> {
    for (let at = 0; at < chunk.length || this.#isComplete(); ) {
      const wanted = this.#wanted() - this.#length;
      const part = chunk.subarray(at, at + wanted);
      this.#add(part);
      at += part.length;
      if (!this.#isComplete()) continue;
      const flags = this.#buffer[0] ?? 0;
      const data = Buffer.from(this.#buffer.subarray(HEAD_BYTES, this.#length));
      this.#length = 0;
      yield { flags, data };
    }
  }

  /** @throws CallError INVALID_ARGUMENT when the body ends in the middle of a frame */
  end(): void {
    if (this.#length > 0) throw malformedFrames('The request ends in the middle of a message.');
  }

  /** How long what is being read will be, as far as is known. */
  #wanted(): number {
    return this.#length < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + this.#announced();
  }

  #isComplete(): boolean {
    return this.#length >= HEAD_BYTES && this.#length === HEAD_BYTES + this.#announced();
  }

  #announced(): number {
    const bytes = this.#buffer.readUInt32BE(1);
    const { maxBytes } = this.#bounds;
    if (bytes > maxBytes) throw messageTooLarge(maxBytes);
    return bytes;
  }

  #add(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#buffer.length) {
      const size = Math.max(length, Math.min(this.#buffer.length * 2, this.#wanted()), FIRST_BYTES);
      this.#bounds.hold(size - this.#buffer.length);
      const larger = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#length);
    this.#length = length;
  }
}

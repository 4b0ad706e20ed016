import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4_096;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/** Random ids of traces and spans. To get random bytes for many, and to write their digits, takes nearly as long as for one. */
export class RandomIds {
  readonly #bytes = Buffer.alloc(POOL_BYTES);
  #digits = '';
  /** What comes next, in bytes. */
  #at = POOL_BYTES;
  #foldedTrace = 0;

  /** The four words of the last id of a trace, one xor the other: what OpenTelemetry's sampler by ratio goes by. */
  get foldedTrace(): number {
    return this.#foldedTrace;
  }

  /** 32 digits. */
  trace(): string {
    const at = this.#take(TRACE_BYTES);
    const word = (index: number): number => this.#bytes.readUInt32BE(at + 4 * index);
    this.#foldedTrace = (word(0) ^ word(1) ^ word(2) ^ word(3)) >>> 0;
    return this.#digits.slice(2 * at, 2 * (at + TRACE_BYTES));
  }

  /** 16 digits. */
  span(): string {
    const at = this.#take(SPAN_BYTES);
    return this.#digits.slice(2 * at, 2 * (at + SPAN_BYTES));
  }

  #take(bytes: number): number {
    if (this.#at + bytes > POOL_BYTES) {
      this.#digits = randomFillSync(this.#bytes).toString('hex');
      this.#at = 0;
    }
    this.#at += bytes;
    return this.#at - bytes;
  }
}

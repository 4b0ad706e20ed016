/** The bytes before each gRPC message: a flag that tells whether it is compressed, and its length. */
const HEAD_BYTES = 5;

/** Follows the frames of a stream of messages. It keeps the flags alone, not the messages. */
export class FrameReader {
  readonly #flags: boolean[] = [];
  #headRead = 0;
  #length = 0;
  /** How many bytes of a message are still to come. */
  #left = 0;

  /** Takes in the next bytes of the stream. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#pushHead(chunk[at] ?? 0);
      at += 1;
    }
  }

  /** Whether the next message, in the order in which they came, is compressed. */
  isNextCompressed(): boolean {
    return this.#flags.shift() ?? false;
  }

  #pushHead(byte: number): void {
    if (this.#headRead === 0) this.#flags.push(byte === 1);
    else this.#length = this.#length * 256 + byte;
    this.#headRead += 1;
    if (this.#headRead < HEAD_BYTES) return;
    this.#left = this.#length;
    this.#length = 0;
    this.#headRead = 0;
  }
}

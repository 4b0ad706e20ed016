/** The bytes before each gRPC message: a flag that tells whether it is compressed, and its length. */
const HEAD_BYTES = 5;

/** Follows the frames of a stream of messages. */
export interface FrameReader {
  /** Takes in the next bytes of the stream. */
  push(chunk: Uint8Array): void;
  /** Whether the next message, in the order in which they came, is compressed. */
  isNextCompressed(): boolean;
}

/** Makes a reader of frames. It keeps the flags alone, not the messages. */
export function createFrameReader(): FrameReader {
  const flags: boolean[] = [];
  let headRead = 0;
  let length = 0;
  let left = 0;
  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (left > 0) {
          const skipped = Math.min(left, chunk.length - at);
          left -= skipped;
          at += skipped;
          continue;
        }
        const byte = chunk[at] ?? 0;
        at += 1;
        if (headRead === 0) flags.push(byte === 1);
        else length = length * 256 + byte;
        headRead += 1;
        if (headRead < HEAD_BYTES) continue;
        left = length;
        length = 0;
        headRead = 0;
      }
    },
    isNextCompressed: () => flags.shift() ?? false,
  };
}

import type { ServerHttp2Stream } from 'node:http2';

/** What stands before a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/**
 * Messages that are sent again and again, as they go out, by their bytes: they live as long as those. grpc-js would copy such a
 * message each time, which takes longer than anything else that it does for a call, and leaves the copy as garbage.
 */
const frames = new WeakMap<Uint8Array, Buffer>();

/** Keeps a message that will be sent again. It must not change any more. */
export function keepFrame(message: Uint8Array): void {
  if (frames.has(message)) return;
  const frame = Buffer.allocUnsafeSlow(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  frames.set(message, frame);
}

/** A message as it goes out; undefined: it is not kept. */
export function keptFrame(message: Uint8Array): Buffer | undefined {
  return frames.get(message);
}

/**
 * Sends a message of a call whose headers are out.
 * @param onTaken called once the connection has taken it
 */
export function sendFrame(stream: ServerHttp2Stream, frame: Buffer, onTaken: () => void): void {
  if (stream.closed || stream.destroyed) return;
  stream.write(frame, (error) => {
    // A stream that cannot be written to ends, and the call with it.
    if (error === undefined || error === null) onTaken();
  });
}

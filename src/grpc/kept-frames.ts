/** What stands before a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/**
 * Messages that are sent again and again, as they go out, by their bytes: they live as long as those. To copy such a message
 * each time would take longer than the rest of what is done for a call, and leave the copy as garbage.
 */
const frames = new WeakMap<Uint8Array, Buffer>();

/** Keeps a message that will be sent again. It must not change any more. */
export function keepFrame(message: Uint8Array): void {
  if (!frames.has(message)) frames.set(message, write(message, Buffer.allocUnsafeSlow));
}

/** A message as it goes out. */
export function toFrame(message: Uint8Array): Buffer {
  return frames.get(message) ?? write(message, Buffer.allocUnsafe);
}

function write(message: Uint8Array, allocate: (size: number) => Buffer): Buffer {
  const frame = allocate(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

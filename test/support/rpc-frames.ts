/** A message as it stands in a body of the streaming Connect protocol or of gRPC-Web: flags, length, bytes. */
export function frameOf(data: string | Uint8Array, flags = 0): Buffer {
  const bytes = Buffer.from(data);
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** The messages of a body. */
export function framesOf(body: Uint8Array): { flags: number; data: Buffer }[] {
  const bytes = Buffer.from(body);
  const frames: { flags: number; data: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    frames.push({ flags: bytes[at] ?? 0, data: bytes.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}

/** The messages of a body in base64, each part of which may be padded. */
export function textFramesOf(body: string): { flags: number; data: Buffer }[] {
  const parts = body.match(/[^=]+=*/g) ?? [];
  return framesOf(Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))));
}

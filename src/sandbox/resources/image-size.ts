const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const WIDTH_AT = 16;
const HEIGHT_AT = 20;
const HEADER_BYTES = 24;

/** Width and height of a PNG image in pixels (its IHDR chunk); undefined for anything else. */
export function pngSize(image: Uint8Array): { width: number; height: number } | undefined {
  const bytes = Buffer.from(image);
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return;
  return { width: bytes.readUInt32BE(WIDTH_AT), height: bytes.readUInt32BE(HEIGHT_AT) };
}

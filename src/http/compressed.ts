import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** The content codings that responses are sent in. */
export type Encoding = 'br' | 'gzip';

const compress: Readonly<Record<Encoding, (body: Uint8Array) => Promise<Uint8Array>>> = {
  // Both levels take about as long for JSON of some 50 KB and are a fraction of the highest one's time.
  br: (body) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (body) => promisify(gzip)(body, { level: 6 }),
};

/** What compressed bodies that are kept came to, by the plain ones: they live as long as those. */
const kept: Readonly<Record<Encoding, WeakMap<Uint8Array, Uint8Array>>> = {
  br: new WeakMap(),
  gzip: new WeakMap(),
};

/**
 * Compresses a body.
 * @param isKept whether the same body, which must not change any more, will be sent again: it is compressed once then
 */
export function compressed(
  body: Uint8Array,
  encoding: Encoding,
  isKept: boolean,
): Uint8Array | Promise<Uint8Array> {
  if (!isKept) return compress[encoding](body);
  return kept[encoding].get(body) ?? compressAndKeep(body, encoding);
}

async function compressAndKeep(body: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  const bytes = await compress[encoding](body);
  kept[encoding].set(body, bytes);
  return bytes;
}

import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import { createQueue } from '../../base/queue.ts';
import { messageTooLarge, notDecompressible, unknownEncoding } from './errors.ts';

/** How many messages are inflated at a time; the others wait compressed. */
const AT_A_TIME = 4;

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

const INFLATERS: ReadonlyMap<string, Inflate> = new Map([
  ['gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
]);

/** The compressions in which requests are taken and replies are sent. */
export const ACCEPTED_ENCODINGS: readonly string[] = [...INFLATERS.keys()];

const enqueue = createQueue(AT_A_TIME);

/** How bytes are decompressed; undefined: they are plain. */
export type Decompress = (bytes: Uint8Array) => Promise<Uint8Array>;

/**
 * How a request is decompressed.
 * @param encoding what its header names
 * @param maxBytes the most that one message may come to
 * @throws CallError UNIMPLEMENTED when the compression is not known
 */
export function decompressor(encoding: string | undefined, maxBytes: number): Decompress | undefined {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return undefined;
  const inflate = INFLATERS.get(encoding);
  if (inflate === undefined) throw unknownEncoding(encoding, ACCEPTED_ENCODINGS);
  return async (bytes) => {
    // What has no bytes is an empty message, which some clients do not compress although they say so.
    if (bytes.length === 0) return bytes;
    try {
      return await enqueue(() => inflate(bytes, { maxOutputLength: maxBytes }));
    } catch (cause) {
      throw cause instanceof RangeError ? messageTooLarge(maxBytes) : notDecompressible(cause);
    }
  };
}

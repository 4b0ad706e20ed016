import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { createQueue } from '../base/queue.ts';

/** How many messages are inflated at a time; the others wait compressed, which is what the bounds count. */
const AT_A_TIME = 4;

/** The compressions of messages that can be read, by their names in grpc-encoding. */
const INFLATERS: ReadonlyMap<
  string,
  (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>
> = new Map([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
]);

/** What the server accepts, as announced in grpc-accept-encoding. */
export const ACCEPTED_ENCODINGS = ['identity', ...INFLATERS.keys()].join(',');

const enqueue = createQueue(AT_A_TIME);

/** Whether messages with this grpc-encoding can be read. */
export function isKnownEncoding(encoding: string): boolean {
  return encoding === 'identity' || INFLATERS.has(encoding);
}

/**
 * Inflates a message, when its turn comes.
 * @throws RangeError when it would be over `maxBytes`; Error when it is not compressed like that
 */
export function inflateMessage(bytes: Uint8Array, encoding: string, maxBytes: number): Promise<Buffer> {
  const read = INFLATERS.get(encoding);
  if (read === undefined)
    return Promise.reject(new Error(`the message is compressed, and its encoding is ${encoding}`));
  return enqueue(() => read(bytes, { maxOutputLength: maxBytes }));
}

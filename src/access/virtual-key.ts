import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every virtual key begins with, so that people and scanners of repositories recognise one. */
export const VIRTUAL_KEY_PREFIX = 'vgk_';

/** Digits and letters: a double click selects the whole key, and no shell or URL changes it. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const RANDOM_BYTES = 24;
const BODY_LENGTH = 33;
const CHECKSUM_LENGTH = 6;

/** A new virtual key, and its line for the callers file. */
export interface NewVirtualKey {
  readonly key: string;
  readonly sha256: string;
}

/**
 * Makes a virtual key: the prefix, 192 random bits, and a checksum by which a mistyped or cut key is told from one that is
 * unknown. With that much randomness one round of SHA-256 is enough; slow hashes are for passwords that people choose.
 */
export function createVirtualKey(random: Uint8Array = randomBytes(RANDOM_BYTES)): NewVirtualKey {
  const body = toAlphabet(BigInt(`0x${Buffer.from(random).toString('hex')}`), BODY_LENGTH);
  const key = `${VIRTUAL_KEY_PREFIX}${body}${checksum(body)}`;
  return { key, sha256: sha256Hex(key) };
}

/** The digest of a key, as it is written in the callers file. */
export function sha256Hex(key: string): string {
  return hash('sha256', key, 'hex');
}

/** Whether a token looks like a virtual key; its checksum may still be wrong. */
export function isVirtualKey(token: string): boolean {
  return token.startsWith(VIRTUAL_KEY_PREFIX);
}

/** Whether the checksum of a virtual key is right; otherwise the key was cut off or mistyped. */
export function isWholeVirtualKey(token: string): boolean {
  const rest = token.slice(VIRTUAL_KEY_PREFIX.length);
  if (rest.length !== BODY_LENGTH + CHECKSUM_LENGTH) return false;
  return checksum(rest.slice(0, BODY_LENGTH)) === rest.slice(BODY_LENGTH);
}

function checksum(body: string): string {
  return toAlphabet(BigInt(crc32(body)), CHECKSUM_LENGTH);
}

function toAlphabet(value: bigint, length: number): string {
  const base = BigInt(ALPHABET.length);
  let text = '';
  for (let rest = value; text.length < length; rest /= base) text = ALPHABET[Number(rest % base)] + text;
  return text;
}

/** Finds what belongs to a token by the digests of the callers file. */
export class TokenTable<Owner> {
  /** By the first half of the digest, the second being compared in constant time. */
  readonly #entries = new Map<string, { readonly digest: Buffer; readonly owner: Owner }[]>();

  /** @param sha256 in hexadecimal digits */
  add(sha256: string, owner: Owner): void {
    const start = sha256.slice(0, 32);
    const entries = this.#entries.get(start) ?? [];
    entries.push({ digest: Buffer.from(sha256, 'hex'), owner });
    this.#entries.set(start, entries);
  }

  /** @param sha256 of the token, in hexadecimal digits */
  find(sha256: string): Owner | undefined {
    const entries = this.#entries.get(sha256.slice(0, 32));
    if (entries === undefined) return undefined;
    const digest = Buffer.from(sha256, 'hex');
    return entries.find((entry) => timingSafeEqual(entry.digest, digest))?.owner;
  }
}

import { LRUCache } from 'lru-cache';
import type { VultrResponse } from './request.ts';

/** A response that is kept. */
export interface CacheEntry {
  readonly response: VultrResponse;
  /** When it came, in milliseconds since the epoch. */
  readonly storedAt: number;
}

/** What bounds the memory of the cache. */
export interface CacheStoreLimits {
  readonly maxEntries: number;
  /** Of memory held, not only of bodies. */
  readonly maxBytes: number;
}

/**
 * What a response holds per byte of its body: the body, what it is parsed into, and its encoded forms. Measured with
 * Vultr's lists: 3.4 to 4.2 for one operation, and up to 3 more where two operations give the same list in two forms.
 * Compressed forms, which the HTTP side keeps beside the plain ones, are a quarter of the bytes sent in gzip and Brotli together.
 */
const HELD_PER_BODY_BYTE = 8;

/** What an entry holds besides: its objects and its place in the store. */
const HELD_PER_ENTRY = 1_024;

/** JavaScript keeps a character in one byte or two. */
const HELD_PER_KEY_CHARACTER = 2;

/** The memory that an entry is counted with, in bytes. */
export function heldBytes({ response }: CacheEntry, key: string): number {
  return response.body.length * HELD_PER_BODY_BYTE + key.length * HELD_PER_KEY_CHARACTER + HELD_PER_ENTRY;
}

/**
 * A store that forgets the least recently used entries when another one would exceed a bound. An entry that is too large by
 * itself is not kept, nor is the one that it replaces. Its users keep track of ages: lru-cache reads its clock through a
 * timer of its own and takes the time 0 for "no age".
 */
export function createCacheStore({ maxEntries, maxBytes }: CacheStoreLimits): LRUCache<string, CacheEntry> {
  return new LRUCache({ max: maxEntries, maxSize: maxBytes, sizeCalculation: heldBytes });
}

import { expect, test } from 'vitest';
import { type CacheEntry, createCacheStore, heldBytes } from '../../src/vultr/cache-store.ts';

const LARGEST = new Uint8Array(5_000_000);

function entryOf(bodyBytes: number): CacheEntry {
  const response = { status: 200, contentType: 'application/json', attempts: 1 };
  return { storedAt: 0, response: { ...response, body: LARGEST.subarray(0, bodyBytes) } };
}

/** A sequence that looks random and is the same in every run (Numerical Recipes' linear congruential generator). */
function createSequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

test.each([
  [7, 5_000_000],
  [500, 100_000],
  [20, 60_000],
])(
  'holds at most %i entries and %i bytes, whatever is put in, replaced and taken out',
  (maxEntries, maxBytes) => {
    const store = createCacheStore({ maxEntries, maxBytes });
    const next = createSequence(maxEntries);
    let fullest = { entries: 0, bytes: 0 };
    for (let step = 0; step < 5_000; step += 1) {
      const key = `/v2/plans?cursor=${next(60)}`;
      if (next(10) === 0) store.delete(key);
      else if (next(4) === 0) store.get(key);
      else store.set(key, entryOf(next(50) === 0 ? maxBytes : next(2_000)));
      // Counted here, not read from the store: a replaced or dropped entry must not be counted for ever, or not at all.
      const counted = [...store.entries()].reduce((sum, [name, entry]) => sum + heldBytes(entry, name), 0);
      expect(store.calculatedSize).toBe(counted);
      expect(counted).toBeLessThanOrEqual(maxBytes);
      expect(store.size).toBeLessThanOrEqual(maxEntries);
      fullest = { entries: Math.max(fullest.entries, store.size), bytes: Math.max(fullest.bytes, counted) };
    }
    const isFilled = fullest.entries === maxEntries || fullest.bytes > maxBytes * 0.9;
    expect(isFilled).toBe(true);
  },
);

test('forgets what was used longest ago', () => {
  const store = createCacheStore({ maxEntries: 2, maxBytes: 1_000_000 });
  store.set('a', entryOf(1));
  store.set('b', entryOf(1));
  store.get('a');
  store.set('c', entryOf(1));
  expect([...store.keys()].toSorted()).toEqual(['a', 'c']);
});

test('does not keep what is too large by itself, nor the older response in its place', () => {
  const store = createCacheStore({ maxEntries: 2, maxBytes: 10_000 });
  store.set('a', entryOf(1));
  store.set('a', entryOf(10_000));
  expect(store.get('a')).toBeUndefined();
  expect(store.calculatedSize).toBe(0);
});

test('counts a long key', () => {
  const store = createCacheStore({ maxEntries: 100, maxBytes: 10_000 });
  store.set('k'.repeat(10_000), entryOf(1));
  expect(store.size).toBe(0);
});

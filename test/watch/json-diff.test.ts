import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/payload/json.ts';
import { jsonPatch, mergePatch, sameJson } from '../../src/watch/json-diff.ts';
import { applyJsonPatch, applyMergePatch } from '../support/apply-patch.ts';
import { createRandom } from '../support/random.ts';

const NAMES = ['a', 'b', 'c/d', 'e~f', '__proto__', ''];

/** Values in which what a patch finds hard is common: nulls, empty and nested objects, lists, odd names. */
function randomValue(random: () => number, depth: number, hasNulls: boolean): JsonValue {
  const kind = Math.floor(random() * (depth > 0 ? 7 : 5));
  if (kind === 0) return hasNulls ? null : 0;
  if (kind === 1) return Math.floor(random() * 3);
  if (kind === 2) return ['x', 'y', ''][Math.floor(random() * 3)] ?? '';
  if (kind === 3) return random() < 0.5;
  if (kind === 4) return BigInt(Math.floor(random() * 2)) + 9_007_199_254_740_993n;
  const size = Math.floor(random() * 4);
  if (kind === 5) return Array.from({ length: size }, () => randomValue(random, depth - 1, hasNulls));
  return randomObject(random, depth - 1, hasNulls);
}

function randomObject(random: () => number, depth: number, hasNulls: boolean): JsonObject {
  const members = NAMES.filter(() => random() < 0.5).map((name): [string, JsonValue] => [
    name,
    randomValue(random, depth, hasNulls),
  ]);
  return Object.fromEntries(members);
}

describe('patches between 10 000 random objects', () => {
  test('a merge patch makes the one of the other, and is missing only where nulls are', () => {
    const random = createRandom(1).fraction;
    let missing = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const hasNulls = round % 2 === 0;
      const before = randomObject(random, 3, hasNulls);
      const after = randomObject(random, 3, hasNulls);
      const patch = mergePatch(before, after);
      if (patch === undefined) missing += 1;
      else expect(sameJson(applyMergePatch(before, patch), after)).toBe(true);
      if (!hasNulls) expect(patch).toBeDefined();
    }
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThan(5_000);
  });

  test('a JSON patch makes the one of the other', () => {
    const random = createRandom(2).fraction;
    for (let round = 0; round < 10_000; round += 1) {
      const before = randomObject(random, 3, true);
      const after = randomObject(random, 3, true);
      expect(sameJson(applyJsonPatch(before, jsonPatch(before, after)), after)).toBe(true);
    }
  });
});

test('equal values have empty patches, whatever the order of their members', () => {
  const [left, right] = [
    { a: 1, b: [{ c: null }] },
    { b: [{ c: null }], a: 1 },
  ];
  expect(sameJson(left, right)).toBe(true);
  expect(mergePatch(left, right)).toEqual({});
  expect(jsonPatch(left, right)).toEqual([]);
});

test.each<[JsonValue, JsonValue]>([
  [1, '1'],
  [null, 0],
  [[], {}],
  [{ a: null }, {}],
  [
    [1, 2],
    [2, 1],
  ],
  [JSON.rawJSON('0.1000000000000000055511151231257827'), 0.1],
])('%j and %j are not the same', (left, right) => {
  expect(sameJson(left, right)).toBe(false);
  expect(sameJson(right, left)).toBe(false);
});

test('one element more at the front of a list is one operation', () => {
  expect(jsonPatch({ list: [1, 2, 3] }, { list: [0, 1, 2, 3] })).toEqual([
    { op: 'add', path: '/list/0', value: 0 },
  ]);
});

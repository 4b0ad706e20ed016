import { expect, test } from 'vitest';
import { noteCache } from '../../src/vultr/cache-metadata.ts';
import type { CacheNote } from '../../src/vultr/request.ts';

function note(notes: readonly (CacheNote | undefined)[], isPublic = true): Record<string, string> {
  const call = { operation: { isPublic }, responseMetadata: new Map<string, string>() };
  const response = { status: 200, contentType: '', body: new Uint8Array(), attempts: 1 };
  for (const cache of notes) noteCache(call, cache === undefined ? response : { ...response, cache });
  return Object.fromEntries(call.responseMetadata);
}

const hit: CacheNote = { state: 'hit', ageMs: 12_999 };
const miss: CacheNote = { state: 'miss', ageMs: 0 };
const stale: CacheNote = { state: 'stale', ageMs: 301_000 };

test.each<[string, (CacheNote | undefined)[], Record<string, string>]>([
  ['a hit, in whole seconds', [hit], { 'x-cache': 'hit', age: '12' }],
  ['a miss', [miss], { 'x-cache': 'miss', age: '0' }],
  ['a stale answer', [stale], { 'x-cache': 'stale', age: '301' }],
  ['nothing, where the cache had no part', [undefined], {}],
  ['the miss of a hit and a miss, with the greater age', [hit, miss], { 'x-cache': 'miss', age: '12' }],
  ['the same the other way round', [miss, hit], { 'x-cache': 'miss', age: '12' }],
  ['the stale one of many', [hit, stale, miss], { 'x-cache': 'stale', age: '301' }],
  ['what was said before an answer without the cache', [hit, undefined], { 'x-cache': 'hit', age: '12' }],
])('the metadata tells %s', (_, notes, expected) => {
  expect(note(notes)).toEqual(expected);
});

test('the metadata of an operation with a credential tells nothing, whatever it looked up', () => {
  expect(note([hit, stale], false)).toEqual({});
});

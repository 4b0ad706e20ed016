import { describe, expect, test } from 'vitest';
import type { CacheStatus } from '../../src/rpc/call.ts';
import { noteOrigin, worstOf } from '../../src/rpc/reply.ts';

const hit: CacheStatus = { state: 'hit', ageMs: 12_999, freshMs: 300_000 };
const miss: CacheStatus = { state: 'miss', ageMs: 0, freshMs: 300_000 };
const stale: CacheStatus = { state: 'stale', ageMs: 301_000, freshMs: 60_000 };

describe('the metadata of a reply', () => {
  test.each<[string, (CacheStatus | undefined)[], Record<string, string>]>([
    ['a hit, in whole seconds', [hit], { 'x-cache': 'hit', age: '12' }],
    ['a miss', [miss], { 'x-cache': 'miss', age: '0' }],
    ['a stale response', [stale], { 'x-cache': 'stale', age: '301' }],
    ['nothing, where the cache had no part', [undefined], {}],
    ['nothing of nothing', [], {}],
    ['the miss of a hit and a miss, with the greater age', [hit, miss], { 'x-cache': 'miss', age: '12' }],
    ['the same the other way round', [miss, hit], { 'x-cache': 'miss', age: '12' }],
    ['the stale one of many', [hit, stale, miss], { 'x-cache': 'stale', age: '301' }],
    ['what was said before a response without the cache', [hit, undefined], { 'x-cache': 'hit', age: '12' }],
    ['and after one', [undefined, hit], { 'x-cache': 'hit', age: '12' }],
  ])('tells %s', (_, statuses, expected) => {
    const metadata = new Map<string, string>();
    noteOrigin(metadata, { cache: worstOf(statuses) });
    expect(Object.fromEntries(metadata)).toEqual(expected);
  });

  test.each([
    [undefined, {}],
    [1, {}],
    [2, { 'x-vultr-attempts': '2' }],
    [11, { 'x-vultr-attempts': '11' }],
  ])('after %s attempts tells %j of them', (attempts, expected) => {
    const metadata = new Map<string, string>();
    noteOrigin(metadata, { attempts });
    expect(Object.fromEntries(metadata)).toEqual(expected);
  });
});

test('a reply from several responses is fresh until the first of them ages', () => {
  expect(worstOf([hit, stale, miss])).toEqual({ state: 'stale', ageMs: 301_000, freshMs: 60_000 });
});

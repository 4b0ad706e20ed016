import { describe, expect, test } from 'vitest';
import { createRecentCreations } from '../../src/watch/recent-creations.ts';

const LAG_MS = 120_000;
const MAX_IDS = 10_000;

describe('the record of instances that were created a moment ago', () => {
  test('knows an instance for as long as reads may not find it', () => {
    let now = 1_000;
    const recent = createRecentCreations(() => now);
    recent.add('a');
    now += LAG_MS - 1;
    expect(recent.has('a')).toBe(true);
    now += 1;
    expect(recent.has('a')).toBe(false);
  });

  test('knows only what was added', () => {
    const recent = createRecentCreations(() => 0);
    recent.add(undefined);
    recent.add('a');
    expect(recent.has('b')).toBe(false);
  });

  test('no longer knows an instance that was destroyed', () => {
    const recent = createRecentCreations(() => 0);
    recent.add('a');
    recent.add('b');
    recent.forget('a');
    expect(recent.has('a')).toBe(false);
    expect(recent.has('b')).toBe(true);
  });

  test('keeps a bounded number of ids and gives up the oldest', () => {
    const recent = createRecentCreations(() => 0);
    for (let index = 0; index <= MAX_IDS; index++) recent.add(`id-${index}`);
    expect(recent.has('id-0')).toBe(false);
    expect(recent.has('id-1')).toBe(true);
    expect(recent.has(`id-${MAX_IDS}`)).toBe(true);
  });

  test('keeps an id that was added again for as long as one that is new', () => {
    let now = 0;
    const recent = createRecentCreations(() => now);
    recent.add('a');
    recent.add('b');
    now = 1_000;
    recent.add('a');
    now = LAG_MS + 500;
    recent.add('c');
    expect(recent.has('a')).toBe(true);
    expect(recent.has('b')).toBe(false);
  });
});

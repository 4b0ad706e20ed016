import { expect, test, vi } from 'vitest';
import { remember } from '../../src/base/remember.ts';

const countA = (text: string): number | undefined => text.match(/a/g)?.length;

test('what a text led to is made once', () => {
  const make = vi.fn(countA);
  const count = remember(10, make);
  expect([count('aa'), count('aa'), count('a'), count('aa')]).toEqual([2, 2, 1, 2]);
  expect(make).toHaveBeenCalledTimes(2);
});

test('nothing is remembered, too', () => {
  const make = vi.fn(countA);
  const count = remember(10, make);
  expect([count('b'), count('b')]).toEqual([undefined, undefined]);
  expect(make).toHaveBeenCalledTimes(1);
});

test('with one more than there may be, all are forgotten', () => {
  const make = vi.fn(countA);
  const count = remember(2, make);
  for (const text of ['a', 'aa', 'aaa', 'aaa', 'a']) expect(count(text)).toBe(text.length);
  expect(make.mock.calls.map(([text]) => text)).toEqual(['a', 'aa', 'aaa', 'a']);
});

test('a long text is not remembered', () => {
  const make = vi.fn(countA);
  const count = remember(2, make);
  expect([count('a'.repeat(201)), count('a'.repeat(201))]).toEqual([201, 201]);
  expect(make).toHaveBeenCalledTimes(2);
});

import { expect, test } from 'vitest';
import { Memo } from '../../src/base/memo.ts';

test('an object has the value that was last kept with it, in each memo its own', () => {
  const [one, other] = [new Memo<Uint8Array, number>(), new Memo<Uint8Array, string>()];
  const [key, another] = [Buffer.from('a'), Buffer.from('a')];
  expect(one.get(key)).toBeUndefined();
  one.set(key, 1);
  one.set(key, 2);
  other.set(key, 'x');
  expect([one.get(key), other.get(key), one.get(another)]).toEqual([2, 'x', undefined]);
});

test('what is kept with an object does not show in it', () => {
  const key = { a: 1 };
  new Memo<object, number>().set(key, 1);
  expect(Object.keys(key)).toEqual(['a']);
  expect(JSON.stringify(key)).toBe('{"a":1}');
});

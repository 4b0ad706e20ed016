import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inNextTurn } from '../../src/base/next-turn.ts';

test('what is deferred goes on in the next turn, in its order', async () => {
  const done: string[] = [];
  const next = setImmediate();
  for (const name of ['a', 'b', 'c']) inNextTurn({ proceed: () => done.push(name) });
  await Promise.resolve();
  expect(done).toEqual([]);
  await next;
  await setImmediate();
  expect(done).toEqual(['a', 'b', 'c']);
});

test('what is deferred meanwhile has a turn of its own', async () => {
  const done: string[] = [];
  inNextTurn({
    proceed: () => {
      done.push('first');
      inNextTurn({ proceed: () => done.push('second') });
      expect(done).toEqual(['first']);
    },
  });
  await setImmediate();
  await setImmediate();
  expect(done).toEqual(['first', 'second']);
});

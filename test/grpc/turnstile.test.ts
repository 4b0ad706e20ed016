import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turnstile } from '../../src/grpc/turnstile.ts';

/** Keeps the processor busy, as beginning a call does. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('many calls at once are begun in turns, in their order, and others have their turn between', async () => {
  const turnstile = new Turnstile();
  const begun: number[] = [];
  for (let call = 0; call < 20; call += 1) {
    turnstile.pass(() => {
      work(4);
      begun.push(call);
    });
  }
  const atOnce = begun.length;
  expect(atOnce).toBeGreaterThan(0);
  expect(atOnce).toBeLessThan(10);
  let turns = 0;
  while (begun.length < 20) {
    await nextTurn();
    turns += 1;
  }
  expect(turns).toBeGreaterThan(2);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, call) => call));
});

test('a call alone begins at once', () => {
  let isBegun = false;
  new Turnstile().pass(() => {
    isBegun = true;
  });
  expect(isBegun).toBe(true);
});

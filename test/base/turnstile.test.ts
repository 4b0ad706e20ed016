import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turnstile } from '../../src/base/turnstile.ts';

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

test('work that goes on after a wait takes its turn among the rest, and counts with what follows it', async () => {
  const turnstile = new Turnstile();
  const done: string[] = [];
  let turns = 0;
  const countTurns = (): void => {
    turns += 1;
    if (done.length < 20) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  const goOn = async (name: string): Promise<void> => {
    await turnstile.turn();
    await Promise.resolve();
    work(4);
    done.push(name);
  };
  turnstile.pass(() => work(11));
  await Promise.all(Array.from({ length: 20 }, (_, call) => goOn(String(call))));
  expect(done).toEqual(Array.from({ length: 20 }, (_, call) => String(call)));
  // Three of them fill a stretch.
  expect(turns).toBeGreaterThanOrEqual(6);
});

test('thousands that wait are all let in, each once', async () => {
  const turnstile = new Turnstile();
  const counts = new Array<number>(5_000).fill(0);
  turnstile.pass(() => work(11));
  await new Promise<void>((resolve) => {
    for (let call = 0; call < counts.length; call += 1)
      turnstile.pass(() => {
        counts[call] = (counts[call] ?? 0) + 1;
        if (call === counts.length - 1) resolve();
      });
  });
  expect(new Set(counts)).toEqual(new Set([1]));
});

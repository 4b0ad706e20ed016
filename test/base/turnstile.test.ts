import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { Turnstile } from '../../src/base/turnstile.ts';

let nowMs = 0;
let turnstile = new Turnstile();

beforeEach(() => {
  nowMs = 0;
  turnstile = new Turnstile(() => nowMs);
});

/** Keeps the event loop busy, as beginning a call does. */
function work(ms: number): void {
  nowMs += ms;
}

/** How many turns of the event loop pass until something is the case. */
async function turnsUntil(isTrue: () => boolean): Promise<number> {
  let turns = 0;
  for (; !isTrue(); turns += 1) {
    if (turns === 1_000) throw new Error('It does not happen.');
    await nextTurn();
  }
  return turns;
}

test('work alone begins at once, and so does what goes on', () => {
  let isBegun = false;
  turnstile.pass((waitedMs) => {
    isBegun = waitedMs === 0;
  });
  expect(isBegun).toBe(true);
  expect(turnstile.turn()).toBeUndefined();
});

test('much work is begun in turns, in its order, and others have their turn between', async () => {
  const begun: number[] = [];
  for (let call = 0; call < 12; call += 1) {
    turnstile.pass(() => {
      work(4);
      begun.push(call);
    });
  }
  expect(begun).toEqual([0, 1]);
  expect(await turnsUntil(() => begun.length === 12)).toBeGreaterThanOrEqual(5);
  expect(begun).toEqual(Array.from({ length: 12 }, (_, call) => call));
});

test('work that goes on takes its turn, and what follows it counts', async () => {
  const done: number[] = [];
  const goOn = async (call: number): Promise<void> => {
    await turnstile.turn();
    await Promise.resolve();
    work(2);
    done.push(call);
  };
  turnstile.pass(() => work(20));
  for (let call = 0; call < 8; call += 1) void goOn(call);
  expect(await turnsUntil(() => done.length === 8)).toBeGreaterThanOrEqual(4);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('what goes on is let in before what is new', async () => {
  const order: string[] = [];
  turnstile.pass(() => work(20));
  turnstile.pass(() => order.push('new'));
  void turnstile.turn()?.then(() => order.push('begun'));
  await turnsUntil(() => order.length === 2);
  expect(order).toEqual(['begun', 'new']);
});

test('what is new has its time in each turn, however much goes on', async () => {
  let isBegun = false;
  const goOn = async (): Promise<void> => {
    while (!isBegun) {
      await turnstile.turn();
      work(5);
    }
  };
  for (let call = 0; call < 10; call += 1) void goOn();
  turnstile.pass(() => {
    isBegun = true;
  });
  expect(await turnsUntil(() => isBegun)).toBeLessThanOrEqual(3);
});

test('when the oldest has waited for long, the newest is let in first, and is told how long it has waited', async () => {
  const begun: { name: number; waitedMs: number }[] = [];
  turnstile.pass(() => work(20));
  for (let call = 0; call < 3; call += 1)
    turnstile.pass((waitedMs) => {
      begun.push({ name: call, waitedMs });
      work(10);
    });
  work(60);
  await turnsUntil(() => begun.length === 3);
  expect(begun).toEqual([
    { name: 2, waitedMs: 60 },
    { name: 1, waitedMs: 70 },
    { name: 0, waitedMs: 80 },
  ]);
});

test('thousands that wait are all let in, each once', async () => {
  const counts = new Array<number>(5_000).fill(0);
  turnstile.pass(() => work(20));
  for (const call of counts.keys())
    turnstile.pass(() => {
      work(0.01);
      counts[call] = (counts[call] ?? 0) + 1;
    });
  await turnsUntil(() => !counts.includes(0));
  expect(new Set(counts)).toEqual(new Set([1]));
});

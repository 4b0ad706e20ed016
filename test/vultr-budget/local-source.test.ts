import { describe, expect, test } from 'vitest';
import { createLocalSource } from '../../src/vultr/budget/local-source.ts';
import {
  type BudgetOptions,
  intervalOf,
  resolveBudget,
  shareIntervalOf,
} from '../../src/vultr/budget/options.ts';
import { RateFactor } from '../../src/vultr/budget/rate-factor.ts';
import { SLOT_TOLERANCE_MS, type SlotSource } from '../../src/vultr/budget/slot.ts';
import { ManualClock, mostInOneSecond } from './support.ts';

/** Uses every slot of a source as late as `lateMs()` after its time, skipping those that are over then. */
async function use(clock: ManualClock, source: SlotSource, forMs: number, lateMs: () => number) {
  const times: number[] = [];
  const endMs = clock.now() + forMs;
  while (clock.now() < endMs) {
    const { atMs, goodUntilMs } = await source.reserve();
    clock.set(Math.max(clock.now(), atMs + lateMs()));
    if (clock.now() <= goodUntilMs) times.push(clock.now());
  }
  return times;
}

function lateness(most: number): () => number {
  let seed = 11;
  return () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return (seed % 1_000) * (most / 1_000);
  };
}

describe('a local source', () => {
  const limits = resolveBudget({});

  test.each([
    ['on time', 0, 0.99],
    ['a little late', 10, 0.99],
    ['as late as slots may be used', SLOT_TOLERANCE_MS, 0.9],
    ['mostly too late', 120, 0.15],
  ])('gives at most the rate in any second and loses little, used %s', async (_, lateMs, share) => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: intervalOf(limits), burst: 1 });
    const times = await use(clock, source, 60_000, lateness(lateMs));
    expect(mostInOneSecond(times)).toBeLessThanOrEqual(29);
    expect(times.length).toBeGreaterThanOrEqual(27 * 60 * share);
    expect(times.length).toBeLessThanOrEqual(27 * 60 + 2);
  });

  test('gives no heap after a pause, or one as large as its burst', async () => {
    for (const burst of [1, 2]) {
      const clock = new ManualClock();
      const source = createLocalSource({ clock, intervalMs: intervalOf(limits), burst });
      await source.reserve();
      await clock.advance(100_000);
      const times = await use(clock, source, 5_000, () => 0);
      const first = times[0] ?? 0;
      expect(times.filter((time) => time === first)).toHaveLength(burst);
      expect(mostInOneSecond(times)).toBeLessThanOrEqual(30);
    }
  });

  test('gives nothing before its start', async () => {
    const clock = new ManualClock();
    const startAtMs = clock.now() + 500;
    const source = createLocalSource({ clock, intervalMs: 100, burst: 1, startAtMs });
    expect((await source.reserve()).atMs).toBe(startAtMs);
  });

  test('goes on when the clock is set back by an hour', async () => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: 100, burst: 1 });
    await source.reserve();
    clock.set(clock.now() - 3_600_000);
    expect((await source.reserve()).atMs).toBeLessThanOrEqual(clock.now() + 100);
    expect((await source.reserve()).atMs).toBeLessThanOrEqual(clock.now() + 200);
  });

  test('goes on at half the rate after a 429, and at the whole rate when it has recovered', async () => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: 100, burst: 1 });
    await source.slowDown();
    expect(source.state()).toMatchObject({ rateFactor: 0.5, intervalMs: 200 });
    const slow = await use(clock, source, 2_000, () => 0);
    expect(slow.length).toBeLessThanOrEqual(11);
    await clock.advance(12_000);
    expect(source.state()).toMatchObject({ rateFactor: 1, intervalMs: 100 });
  });
});

describe('the rate factor', () => {
  test('is halved, held for two seconds, and whole again ten seconds later', () => {
    const factor = new RateFactor(1, 0);
    factor.cut(0);
    expect([0, 2_000, 7_000, 12_000, 99_000].map((ms) => factor.at(ms))).toEqual([0.5, 0.5, 0.75, 1, 1]);
  });

  test('is halved once for all 429s of a second', () => {
    const factor = new RateFactor(1, 0);
    for (const ms of [0, 10, 999]) factor.cut(ms);
    expect(factor.at(999)).toBe(0.5);
    factor.cut(1_000);
    expect(factor.at(1_000)).toBe(0.25);
  });

  test('is never less than an eighth', () => {
    const factor = new RateFactor(1, 0);
    for (let ms = 0; ms < 60_000; ms += 1_000) factor.cut(ms);
    expect(factor.at(59_000)).toBe(0.125);
  });
});

describe('the options', () => {
  test.each<[Partial<BudgetOptions>, string]>([
    [{ ratePerSecond: 0 }, 'budget.ratePerSecond is 0'],
    [{ ratePerSecond: Number.NaN }, 'budget.ratePerSecond is NaN'],
    [{ reserve: 1 }, 'budget.reserve is 1'],
    [{ reserve: -0.1 }, 'budget.reserve is -0.1'],
    [{ burst: 0 }, 'budget.burst is 0'],
    [{ maxWaiting: 1.5 }, 'budget.maxWaiting is 1.5'],
    [{ replicas: -1 }, 'budget.replicas is -1'],
    [{ burst: 3 }, 'could send 31 requests in one second'],
    [{ reserve: 0 }, 'Raise the reserve or lower the burst'],
  ])('%j are refused', (options, words) => {
    expect(() => resolveBudget(options)).toThrow(TypeError);
    expect(() => resolveBudget(options)).toThrow(words);
  });

  test.each([1, 2, 5, 10, 30, 100])('a rate of %i works with nothing else said', (ratePerSecond) => {
    expect(resolveBudget({ ratePerSecond })).toMatchObject({ ratePerSecond, reserve: 0.1 });
  });

  test.each([2, 3, 4, 7, 10, 15, 20, 30])(
    'the shares of %i replicas stay within the limit, however they fall together',
    async (replicas) => {
      const intervalMs = shareIntervalOf(resolveBudget({ replicas }));
      const clock = new ManualClock();
      const times = await use(
        clock,
        createLocalSource({ clock, intervalMs, burst: 1 }),
        60_000,
        lateness(SLOT_TOLERANCE_MS),
      );
      expect(mostInOneSecond(times) * replicas).toBeLessThanOrEqual(30);
    },
  );
});

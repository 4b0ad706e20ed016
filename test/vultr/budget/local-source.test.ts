import { describe, expect, test } from 'vitest';
import { createLocalSource } from '../../../src/vultr/budget/local-source.ts';
import { type BudgetOptions, intervalOf, resolveBudget, shareOf } from '../../../src/vultr/budget/options.ts';
import { type PermitSource, WINDOW_MS } from '../../../src/vultr/budget/permit.ts';
import { RateFactor } from '../../../src/vultr/budget/rate-factor.ts';
import { mostInOneSecond } from '../../support/budget.ts';
import { ManualClock } from '../../support/clock.ts';

/** Uses permits one after the other, each as late as `lateMs()` after its time. */
async function use(clock: ManualClock, source: PermitSource, forMs: number, lateMs: () => number) {
  const times: number[] = [];
  const endMs = clock.now() + forMs;
  while (clock.now() < endMs) {
    const permit = await source.reserve();
    clock.set(Math.max(clock.now(), permit.atMs + lateMs()));
    if (permit.use(clock.now())) times.push(clock.now());
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
  const create = (clock: ManualClock, burst = limits.burst): PermitSource =>
    createLocalSource({ clock, intervalMs: intervalOf(limits), limit: 30, burst });

  test.each([
    ['on time', 0, 0.99],
    ['a little late', 10, 0.99],
    ['late by up to an interval', 40, 0.99],
    ['late by up to three', 120, 0.5],
  ])(
    'gives at most the rate in any second and makes up for what it can, used %s',
    async (_, lateMs, share) => {
      const clock = new ManualClock();
      const times = await use(clock, create(clock), 60_000, lateness(lateMs));
      expect(mostInOneSecond(times)).toBeLessThanOrEqual(30);
      expect(times.length).toBeGreaterThanOrEqual(27 * 60 * share);
      expect(times.length).toBeLessThanOrEqual(27 * 60 + 6);
    },
  );

  test('gives at most the limit in any window, pauses or not', async () => {
    const clock = new ManualClock();
    const source = create(clock, 30);
    const late = lateness(300);
    const times = await use(clock, source, 60_000, () => (late() > 280 ? 500 : 0));
    for (const [index, time] of times.entries()) {
      expect((times[index + 30] ?? Number.POSITIVE_INFINITY) - time).toBeGreaterThanOrEqual(WINDOW_MS);
    }
  });

  test('gives no burst after a pause, but so many at four times the pace', async () => {
    const clock = new ManualClock();
    const source = create(clock, 4);
    await clock.advance(100_000);
    const times = await use(clock, source, 900, () => 0);
    const gaps = times.slice(1).map((time, index) => Math.round(time - (times[index] ?? 0)));
    expect(gaps.slice(0, 4)).toEqual([9, 9, 9, 9]);
    for (const gap of gaps.slice(6)) expect(gap).toBe(37);
  });

  test('has nothing to make up for at its start', async () => {
    const clock = new ManualClock();
    const times = await use(clock, create(clock), 1_000, () => 0);
    expect(times.length).toBeLessThanOrEqual(28);
    expect(times.length).toBeGreaterThanOrEqual(27);
  });

  test('loses nothing with a permit that is not used', async () => {
    const clock = new ManualClock();
    const source = create(clock);
    for (let count = 0; count < 100; count++) await source.reserve();
    expect((await source.reserve()).atMs).toBe(clock.now());
  });

  test('does not let a permit be used before its time, nor two at once', async () => {
    const clock = new ManualClock();
    const source = create(clock);
    const [one, other] = [await source.reserve(), await source.reserve()];
    expect([one.use(clock.now()), other.use(clock.now())]).toEqual([true, false]);
  });

  test('counts requests that were held up as if they had been sent at the end', async () => {
    const clock = new ManualClock();
    const source = create(clock);
    await use(clock, source, 1_000, () => 0);
    const held = await use(clock, source, 500, () => 0);
    const endMs = clock.now();
    await source.hold(500);
    const times = await use(clock, source, 2_000, () => 0);
    const second = times.filter((time) => time < endMs + 1_000);
    expect(held.length + second.length).toBeLessThanOrEqual(30);
    expect(times.length).toBeGreaterThan(27);
  });

  test('gives nothing before its start', async () => {
    const clock = new ManualClock();
    const startAtMs = clock.now() + 500;
    const source = createLocalSource({ clock, intervalMs: 100, limit: 11, burst: 1, startAtMs });
    expect((await source.reserve()).atMs).toBe(startAtMs);
  });

  test('goes on when the clock is set back by an hour', async () => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: 100, limit: 11, burst: 1 });
    await use(clock, source, 2_000, () => 0);
    clock.set(clock.now() - 3_600_000);
    expect((await use(clock, source, 5_000, () => 0)).length).toBeGreaterThan(38);
  });

  test('goes on at half the rate after a 429, and at the whole rate when it has recovered', async () => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: 100, limit: 11, burst: 1 });
    await source.slowDown();
    expect(source.state()).toMatchObject({ rateFactor: 0.5, intervalMs: 200 });
    const slow = await use(clock, source, 2_000, () => 0);
    expect(slow.length).toBeLessThanOrEqual(11);
    expect(slow.length).toBeGreaterThanOrEqual(9);
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
    [{ reserve: 0 }, 'must be 0.074 or more'],
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
      const share = shareOf(resolveBudget({ replicas }));
      const clock = new ManualClock();
      const source = createLocalSource({ clock, ...share, burst: 6 });
      const times = await use(clock, source, 60_000, lateness(100));
      expect(mostInOneSecond(times) * replicas).toBeLessThanOrEqual(30);
    },
  );
});

describe('the time that permits take', () => {
  test.each([1, 10, 100, 1_000])('while the rate recovers is foretold: %i permits', async (permits) => {
    const clock = new ManualClock();
    const source = createLocalSource({ clock, intervalMs: 100, limit: 11, burst: 1 });
    await source.slowDown();
    await source.slowDown();
    const startMs = clock.now();
    const foretoldMs = source.msFor(permits);
    for (let count = 0; count < permits; count++) {
      const permit = await source.reserve();
      clock.set(permit.atMs);
      permit.use(clock.now());
    }
    const tookMs = clock.now() - startMs;
    // Each permit is spaced by the factor at the time of the one before, so the real time lags a little behind.
    expect(Math.abs(foretoldMs - tookMs)).toBeLessThanOrEqual(200 + tookMs * 0.02);
  });

  test('is that of the whole rate when there was no 429', async () => {
    const clock = new ManualClock();
    expect(createLocalSource({ clock, intervalMs: 100, limit: 11, burst: 1 }).msFor(37)).toBe(3_700);
  });
});

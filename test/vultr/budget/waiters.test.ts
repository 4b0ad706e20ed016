import { afterEach, describe, expect, test } from 'vitest';
import type { CallError } from '../../../src/status/call-error.ts';
import { Budget } from '../../../src/vultr/budget/budget.ts';
import { createLocalSource } from '../../../src/vultr/budget/local-source.ts';
import { type BudgetLimits, intervalOf, limitOf, resolveBudget } from '../../../src/vultr/budget/options.ts';
import { mostInOneSecond } from '../../support/budget.ts';
import { ManualClock } from '../../support/clock.ts';
import { request } from '../../support/vultr.ts';

const budgets: Budget[] = [];
afterEach(() => Promise.all(budgets.splice(0).map((budget) => budget.close())));

/** What a caller of the budget wants. */
interface Ask {
  readonly credential?: string;
  readonly kind?: 'change' | 'read' | 'poll';
  readonly timeoutMs?: number;
}

/** A budget as it is served, but on a clock that is moved by hand. Vultr responds after `responseMs`. */
function setUp(
  given: {
    limits?: Partial<BudgetLimits>;
    maxInFlight?: number;
    responseMs?: number | ((count: number) => number);
  } = {},
) {
  const limits = resolveBudget(given.limits ?? {});
  const clock = new ManualClock();
  const source = createLocalSource({
    clock,
    intervalMs: intervalOf(limits),
    limit: limitOf(limits),
    burst: limits.burst,
  });
  const budget = new Budget({
    source,
    clock,
    random: () => 0,
    limits,
    maxInFlight: given.maxInFlight ?? 64,
    observe: () => undefined,
  });
  budgets.push(budget);
  const grants: number[] = [];
  const refusals: { readonly error: CallError; readonly afterMs: number }[] = [];

  /** Asks for so many permits at once and never waits for them. */
  function ask(count: number, { credential = 'A', kind = 'read', timeoutMs = 20_000 }: Ask = {}): void {
    const askedAt = clock.now();
    const asked = request({ credential, kind });
    const context = { signal: new AbortController().signal, deadline: askedAt + timeoutMs };
    for (let one = 0; one < count; one++) {
      Promise.try(() => budget.acquire(asked, context)).then(
        async (grantedMs) => {
          grants.push(grantedMs);
          const { responseMs = 30 } = given;
          const ms = typeof responseMs === 'number' ? responseMs : responseMs(grants.length);
          await clock.sleep(ms, new AbortController().signal);
          budget.release(grantedMs, true);
        },
        (error: CallError) => refusals.push({ error, afterMs: clock.now() - askedAt }),
      );
    }
  }
  return { clock, budget, source, ask, grants, refusals };
}

describe('calls with time enough are all served', () => {
  test.each([
    [10, 2_000],
    [100, 6_000],
    [400, 20_000],
    [1_000, 40_000],
  ])('%i at once, each with %i ms', async (count, timeoutMs) => {
    const { clock, ask, grants, refusals } = setUp();
    await clock.advance(5_000);
    ask(count, { timeoutMs });
    await clock.advance(timeoutMs);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(count);
    expect(mostInOneSecond(grants)).toBeLessThanOrEqual(30);
  });

  test.each([6, 15, 30, 60])('400 of them after a burst of %i', async (burst) => {
    const { clock, ask, grants, refusals } = setUp();
    await clock.advance(5_000);
    ask(burst);
    await clock.advance(700);
    ask(400);
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(400 + burst);
    expect(mostInOneSecond(grants)).toBeLessThanOrEqual(30);
  });

  test('with several keys, some of which come later', async () => {
    const { clock, ask, grants, refusals } = setUp();
    for (const credential of ['A', 'B', 'C', 'D']) {
      ask(100, { credential });
      await clock.advance(300);
    }
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(400);
  });

  test.each([10, 100, 400, 1_000])('%i at once with four keys, after a burst', async (count) => {
    const { clock, ask, grants, refusals } = setUp();
    ask(30);
    await clock.advance(700);
    for (const credential of ['A', 'B', 'C', 'D']) ask(count / 4, { credential, timeoutMs: 40_000 });
    await clock.advance(40_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(30 + 4 * Math.ceil(count / 4));
    expect(mostInOneSecond(grants)).toBeLessThanOrEqual(30);
  });

  test('after a second in which nothing was granted, as on a machine that stood still', async () => {
    const { clock, ask, grants, refusals } = setUp();
    ask(5);
    await clock.advance(100);
    clock.shift(1_000);
    ask(395);
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(400);
  });

  test.each([1, 100, 300, 1_000])('when every response takes %i ms', async (responseMs) => {
    const { clock, ask, grants, refusals } = setUp({ responseMs });
    await clock.advance(5_000);
    ask(400);
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(400);
    // At 27 a second 400 take 14.8 s. Once at most, at the start, is a slow response taken for requests that were held up.
    expect(Math.max(...grants) - Math.min(...grants)).toBeLessThan(14_800 + 1_100);
  });

  test('after a 429, when the rate recovers in time', async () => {
    const { clock, ask, budget, grants, refusals } = setUp();
    ask(380);
    await clock.advance(1_000);
    await budget.slowDown();
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(380);
  });

  test('after Vultr had stood still for six seconds, when it responds again', async () => {
    const { clock, ask, grants, refusals } = setUp({
      maxInFlight: 8,
      responseMs: (count) => (count <= 8 ? 6_000 : 30),
    });
    ask(200);
    await clock.advance(20_000);
    expect(refusals.length).toBe(0);
    expect(grants).toHaveLength(200);
  });
});

describe('a call without time enough', () => {
  test('is refused at once, and everyone before it is served', async () => {
    const { clock, ask, grants, refusals } = setUp();
    ask(400, { timeoutMs: 10_000 });
    await clock.advance(0);
    // 9 s for the permits, 27 of them in each, and one at once.
    expect(400 - refusals.length).toBe(244);
    for (const { afterMs } of refusals) expect(afterMs).toBe(0);
    await clock.advance(10_000);
    expect(grants).toHaveLength(400 - refusals.length);
    expect(Math.max(...grants) - Math.min(...grants)).toBeLessThanOrEqual(9_000);
  });

  test('is refused when Vultr responds too slowly for it, once that is known', async () => {
    const { clock, ask, grants, refusals } = setUp({ maxInFlight: 8, responseMs: 4_000 });
    ask(100, { timeoutMs: 60_000 });
    await clock.advance(30_000);
    expect(refusals.length).toBe(0);
    const before = grants.length;
    // Two a second are what there is: the 40 that still wait take 20 s.
    ask(1, { kind: 'poll', timeoutMs: 6_000 });
    await clock.advance(0);
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatchObject({ afterMs: 0, error: { reason: 'RATE_LIMITED', reached: 'no' } });
    await clock.advance(30_000);
    expect(grants.length).toBeGreaterThan(before);
  });

  test('because others came before it, is refused when nothing could help it any more', async () => {
    const { clock, ask, grants, refusals } = setUp();
    ask(100, { timeoutMs: 5_000 });
    await clock.advance(100);
    ask(100, { kind: 'change' });
    await clock.advance(10_000);
    expect(grants.length + refusals.length).toBe(200);
    expect(refusals.length).toBeGreaterThan(50);
    for (const { afterMs } of refusals) expect(afterMs).toBeLessThan(5_000);
    // None of those who were granted a permit had less than a second left.
    expect(refusals.length).toBeLessThan(110);
  });
});

test('calls that are refused together are told different times, none of them too early', async () => {
  const draws = Array.from({ length: 100 }, (_, index) => (index * 37) % 100);
  const clock = new ManualClock();
  const limits = resolveBudget({});
  const budget = new Budget({
    source: createLocalSource({ clock, intervalMs: intervalOf(limits), limit: 30, burst: 6 }),
    clock,
    random: () => (draws.pop() ?? 0) / 100,
    limits: { ...limits, maxWaiting: 50 },
    maxInFlight: 64,
    observe: () => undefined,
  });
  budgets.push(budget);
  const asked = { signal: new AbortController().signal, deadline: clock.now() + 60_000 };
  const delays: number[] = [];
  // One has its permit at once, and the queue takes fifty.
  for (let count = 0; count < 151; count++) {
    Promise.try(() => budget.acquire(request(), asked)).catch((error: CallError) =>
      delays.push(error.retryDelayMs ?? 0),
    );
  }
  await clock.advance(0);
  expect(delays).toHaveLength(100);
  const dueMs = 50 * intervalOf(limits);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(Math.floor(dueMs));
  expect(Math.max(...delays)).toBeGreaterThan(dueMs * 1.9);
  const perTenth = Math.ceil(dueMs / 10);
  const tenths = new Set(delays.map((delay) => Math.floor((delay - dueMs) / perTenth)));
  expect(tenths.size).toBeGreaterThanOrEqual(10);
});

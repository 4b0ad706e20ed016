import { describe, expect, test } from 'vitest';
import type { Load } from '../../src/pipeline/load-gauge.ts';
import { createShedder, type LoadKind, type ShedCounts, type Shedder } from '../../src/pipeline/shedder.ts';

const BOUND_MS = 50;
const LEAST = 10;

/** So many calls make a service warm, or so much work. */
const WARM_CALLS = 2_000;
const WARM_WORK_MS = 3_000;
/** So many calls are never too many for a cold one. */
const COLD_MOST = 128;

/** A shedder whose event loop is as late as a test says, of a service that has been at work for a while. */
function measured() {
  const one = cold();
  for (let round = 0; round < WARM_CALLS / 100; round += 1) for (const end of begin(one.shedder, 100)) end();
  return one;
}

/** The same of one that has just started. */
function cold() {
  let take: (load: Load) => void = () => undefined;
  const seen = { shed: [] as LoadKind[], begun: 0, ends: [] as ShedCounts[], isMeasuring: false };
  const shedder = createShedder({
    delayMs: BOUND_MS,
    leastCalls: LEAST,
    onShed: (kind) => seen.shed.push(kind),
    onBegin: () => {
      seen.begun += 1;
    },
    onEnd: (counts) => seen.ends.push(counts),
    startGauge: (given) => {
      take = given;
      return {
        resume: () => {
          seen.isMeasuring = true;
        },
        pause: () => {
          seen.isMeasuring = false;
        },
      };
    },
  });
  const late = (delayMs: number, times = 1): void => {
    for (let count = 0; count < times; count += 1)
      take({ delayMs, activeMs: delayMs, elapsedMs: delayMs + 20 });
  };
  /** Has the loop work all the time, for 50 ms each time, without being late. */
  const busy = (times: number): void => {
    for (let count = 0; count < times; count += 1) take({ delayMs: 30, activeMs: 50, elapsedMs: 50 });
  };
  return { shedder, late, busy, seen };
}

function begin(shedder: Shedder, count: number): (() => void)[] {
  return Array.from({ length: count }, () => shedder.begin());
}

const isTaken = (shedder: Shedder, kind: LoadKind | undefined): boolean =>
  shedder.objection(kind) === undefined;

/** How many calls of a kind are taken until one is not. */
function roomFor(shedder: Shedder, kind: LoadKind): number {
  let count = 0;
  while (count < 10_000 && isTaken(shedder, kind)) {
    shedder.begin();
    count += 1;
  }
  return count;
}

/** How many reads may be in progress, when there are more: calls end until another one is taken. */
function limitOf(shedder: Shedder, calls: readonly (() => void)[]): number {
  for (const [index, end] of calls.entries()) {
    if (isTaken(shedder, 'read')) return calls.length - index + 1;
    end();
  }
  return 1;
}

describe('calls are taken', () => {
  test('as long as the event loop is not late, however many they are', () => {
    const { shedder, late } = measured();
    begin(shedder, 3_000);
    late(BOUND_MS, 100);
    for (const kind of ['watch', 'read', 'change'] as const) expect(isTaken(shedder, kind)).toBe(true);
  });

  test('when the event loop pauses, as for a collection of garbage', () => {
    const { shedder, late } = measured();
    begin(shedder, 3_000);
    for (let pause = 0; pause < 10; pause += 1) {
      late(2_000, 2);
      late(BOUND_MS);
    }
    for (const kind of ['watch', 'read', 'change'] as const) expect(isTaken(shedder, kind)).toBe(true);
  });

  test('however late the event loop is, when few are in progress', () => {
    const { shedder, late } = measured();
    begin(shedder, LEAST - 1);
    late(10_000, 100);
    expect(isTaken(shedder, 'read')).toBe(true);
    shedder.begin();
    expect(isTaken(shedder, 'read')).toBe(false);
  });

  test('when they ask after the health', () => {
    const { shedder, late } = measured();
    begin(shedder, 1_000);
    late(10_000, 100);
    expect(isTaken(shedder, undefined)).toBe(true);
  });
});

describe('a call that has waited for longer than the bound', () => {
  test('is refused while there are too many, and a change when it has waited for twice as long', () => {
    const { shedder, late, seen } = measured();
    const calls = begin(shedder, 100);
    late(60, 3);
    for (const end of calls.slice(0, 50)) end();
    expect(shedder.objection('read', BOUND_MS)).toBeUndefined();
    expect(shedder.objection('read', BOUND_MS + 1)?.reason).toBe('OVERLOADED');
    expect(shedder.objection('change', 2 * BOUND_MS)).toBeUndefined();
    expect(shedder.objection('change', 2 * BOUND_MS + 1)?.reason).toBe('OVERLOADED');
    expect(seen.shed).toEqual(['read', 'change']);
    // With so few it was a pause, and no crowd.
    for (const end of calls.slice(50, 100 - LEAST + 1)) end();
    expect(shedder.objection('read', 10_000)).toBeUndefined();
  });

  test('is taken as long as there are not too many', () => {
    const { shedder } = measured();
    begin(shedder, 100);
    expect(shedder.objection('read', 10_000)).toBeUndefined();
  });
});

describe('while the event loop is late', () => {
  test('watches are refused first, then reads, and changes last', () => {
    const { shedder, late } = measured();
    const calls = begin(shedder, 100);
    late(60, 3);
    expect([isTaken(shedder, 'watch'), isTaken(shedder, 'read'), isTaken(shedder, 'change')]).toEqual([
      false,
      false,
      true,
    ]);
    for (const end of calls.slice(0, 50)) end();
    expect([isTaken(shedder, 'watch'), isTaken(shedder, 'read')]).toEqual([false, true]);
    begin(shedder, 200);
    expect(isTaken(shedder, 'change')).toBe(false);
  });

  test.each([
    { delayMs: 60, times: 3, limit: 80 },
    { delayMs: 100, times: 3, limit: 50 },
    { delayMs: 100, times: 6, limit: 25 },
    { delayMs: 5_000, times: 3, limit: 30 },
    { delayMs: 5_000, times: 300, limit: LEAST },
  ])('$delayMs ms late $times times, $limit of 100 calls may be in progress', ({ delayMs, times, limit }) => {
    const { shedder, late } = measured();
    const calls = begin(shedder, 100);
    late(delayMs, times);
    expect(limitOf(shedder, calls)).toBe(limit);
  });

  test('a refusal says when to call again, each one something else, and that nothing was sent', () => {
    const { shedder, late } = measured();
    begin(shedder, 100);
    late(100, 3);
    const errors = Array.from({ length: 64 }, () => shedder.objection('read'));
    expect(errors[0]).toMatchObject({ code: 'UNAVAILABLE', reason: 'OVERLOADED', reached: 'no' });
    const delays = errors.map((error) => error?.retryDelayMs ?? 0);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(2_000);
    expect(new Set(delays).size).toBe(64);
  });

  test('refusals are counted, and told of when they begin and end', () => {
    const { shedder, late, seen } = measured();
    const calls = begin(shedder, 100);
    late(100, 3);
    expect(seen.begun).toBe(0);
    for (const kind of ['watch', 'read', 'read'] as const) expect(isTaken(shedder, kind)).toBe(false);
    expect([seen.begun, seen.shed]).toEqual([1, ['watch', 'read', 'read']]);
    for (const end of calls) end();
    late(0, 100);
    expect(seen.ends).toEqual([{ watch: 1, read: 2, change: 0 }]);
  });
});

describe('calls that cost the event loop more than it has', () => {
  /** Calls that have cost 10 ms each. */
  function costly() {
    const one = measured();
    for (const end of begin(one.shedder, 20)) end();
    one.busy(4);
    return one;
  }

  test('are refused before it is late, once it is saturated', () => {
    const { shedder, busy } = costly();
    begin(shedder, 60);
    expect(isTaken(shedder, 'read')).toBe(true);
    busy(2);
    expect(isTaken(shedder, 'read')).toBe(false);
  });

  test('are refused when they come all at once, before the loop has done anything for them', () => {
    const { shedder } = costly();
    expect(roomFor(shedder, 'read')).toBe(64);
  });

  test('are taken when they come little by little, as they do while Vultr is slow', () => {
    const { shedder, late } = costly();
    for (let step = 0; step < 100; step += 1) {
      begin(shedder, 4);
      late(1, 3);
      expect(isTaken(shedder, 'read')).toBe(true);
    }
  });
});

describe('a service that has just started, whose calls cost 10 ms each,', () => {
  /** Has so many callers call again as soon as they have their reply. Returns how many calls were refused, of 200. */
  function serve({ shedder, busy }: ReturnType<typeof cold>, callers: number): number {
    const open = begin(shedder, callers);
    let refused = 0;
    for (let done = 0; done < 200; done += 5) {
      for (const end of open.splice(0, 5)) end();
      busy(1);
      for (let next = 0; next < 5; next += 1) {
        if (!isTaken(shedder, 'read')) refused += 1;
        open.push(shedder.begin());
      }
    }
    for (const end of open) end();
    return refused;
  }

  test.each([32, COLD_MOST])('takes the calls of %d callers at once', (callers) => {
    expect(serve(cold(), callers)).toBe(0);
    // One that is warm and as slow has too much to do with them.
    expect(serve(measured(), callers)).toBeGreaterThan(0);
  });

  test('takes watches and changes, too, while there are no more calls than that', () => {
    const { shedder, late } = cold();
    begin(shedder, COLD_MOST);
    late(1_000, 2);
    late(900, 1);
    for (const kind of ['watch', 'read', 'change'] as const) expect(isTaken(shedder, kind)).toBe(true);
  });

  test('is like any other as soon as there are more', () => {
    const { shedder, busy } = cold();
    const calls = begin(shedder, COLD_MOST);
    for (const end of calls.slice(0, 20)) end();
    busy(4);
    begin(shedder, 20);
    expect(isTaken(shedder, 'read')).toBe(true);
    // What the calls have cost so far counts from now on.
    shedder.begin();
    busy(1);
    expect([isTaken(shedder, 'watch'), isTaken(shedder, 'read')]).toEqual([false, false]);
    for (const end of calls) end();
    for (const end of begin(shedder, COLD_MOST)) end();
    expect(isTaken(shedder, 'watch')).toBe(false);
  });

  test('is like any other once it has done many calls', () => {
    const { shedder, late } = cold();
    for (let call = 1; call < WARM_CALLS; call += 1) shedder.begin()();
    const [end] = begin(shedder, 100);
    late(60, 3);
    expect(isTaken(shedder, 'read')).toBe(true);
    end?.();
    late(60, 3);
    expect(isTaken(shedder, 'read')).toBe(false);
  });

  test('is like any other once it has worked for long', () => {
    const { shedder, late, busy } = cold();
    begin(shedder, 100);
    busy(WARM_WORK_MS / 50 - 4);
    late(60, 3);
    expect(isTaken(shedder, 'read')).toBe(true);
    busy(1);
    late(60, 3);
    expect(isTaken(shedder, 'read')).toBe(false);
  });
});

test('calls that cost little may come all at once', () => {
  const { shedder, busy } = measured();
  for (const end of begin(shedder, 1_000)) end();
  busy(2);
  expect(roomFor(shedder, 'read')).toBeGreaterThanOrEqual(1_000);
});

describe('once the event loop is well again', () => {
  /** Two seconds: a measurement takes 20 ms. */
  const TWO_SECONDS = 100;

  test('watches and as many reads as before are taken within two seconds', () => {
    const { shedder, late } = measured();
    const calls = begin(shedder, 500);
    late(200, 9);
    expect(isTaken(shedder, 'read')).toBe(false);
    for (const end of calls) end();
    for (const end of begin(shedder, 9_000)) end();
    late(5, TWO_SECONDS);
    expect(isTaken(shedder, 'watch')).toBe(true);
    expect(roomFor(shedder, 'read')).toBeGreaterThanOrEqual(500);
  });

  test('watches wait for longer than reads', () => {
    const { shedder, late } = measured();
    const calls = begin(shedder, 100);
    late(100, 3);
    for (const end of calls) end();
    late(5, 5);
    expect([isTaken(shedder, 'read'), isTaken(shedder, 'watch')]).toEqual([true, false]);
  });

  test('one more long delay holds up nothing but the watches', () => {
    const { shedder, late } = measured();
    const calls = begin(shedder, 100);
    late(100, 3);
    for (const end of calls) end();
    late(5, TWO_SECONDS / 2 - 1);
    late(1_000);
    expect(isTaken(shedder, 'read')).toBe(true);
  });

  test('the limit goes down while the loop is at work all the time, so that nothing queues behind it', () => {
    const { shedder, late, busy } = measured();
    const calls = begin(shedder, 100);
    late(100, 3);
    busy(20);
    expect(limitOf(shedder, calls)).toBe(Math.ceil(50 * 0.97 ** 20));
  });

  test('a limit that nobody has met for a second is gone', () => {
    const { shedder, late } = measured();
    begin(shedder, 40);
    late(60, 3);
    late(40, 50);
    expect(roomFor(shedder, 'read')).toBe(10_000);
  });

  test('the limit grows by a few per cent at a time while it is in use, and quickly when it is not', () => {
    const inUse = measured();
    const calls = begin(inUse.shedder, 100);
    inUse.late(100, 3);
    inUse.late(5, 5);
    const limit = limitOf(inUse.shedder, calls);
    expect(limit).toBeGreaterThan(50);
    expect(limit).toBeLessThanOrEqual(Math.ceil(50 * 1.05 ** 5));

    const free = measured();
    const ended = begin(free.shedder, 100);
    free.late(100, 3);
    for (const end of ended) end();
    free.late(5, 5);
    expect(roomFor(free.shedder, 'read')).toBe(Math.ceil(50 * 1.2 ** 5));
  });
});

test('without calls nothing is measured, as the next measurement finds out', () => {
  const { shedder, late, seen } = measured();
  late(0);
  expect(seen.isMeasuring).toBe(false);
  const [end] = begin(shedder, 1);
  expect(seen.isMeasuring).toBe(true);
  late(0);
  expect(seen.isMeasuring).toBe(true);
  end?.();
  late(0);
  expect(seen.isMeasuring).toBe(false);
  const calls = begin(shedder, 100);
  late(100, 3);
  for (const each of calls) each();
  expect(seen.isMeasuring).toBe(true);
  late(0, 100);
  expect(seen.isMeasuring).toBe(false);
});

test('a call that ends twice is counted once', () => {
  const { shedder, late } = measured();
  const calls = begin(shedder, 20);
  late(100, 3);
  for (const end of calls.slice(0, 8)) {
    end();
    end();
  }
  expect(isTaken(shedder, 'read')).toBe(false);
});

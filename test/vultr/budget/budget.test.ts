import { afterEach, describe, expect, test } from 'vitest';
import { CallError } from '../../../src/status/call-error.ts';
import { Budget } from '../../../src/vultr/budget/budget.ts';
import { createLocalSource } from '../../../src/vultr/budget/local-source.ts';
import { type BudgetLimits, DEFAULT_BUDGET } from '../../../src/vultr/budget/options.ts';
import type { VultrEvent } from '../../../src/vultr/observe.ts';
import type { SendContext, VultrRequest } from '../../../src/vultr/request.ts';
import { ManualClock } from '../../support/clock.ts';
import { failure, request } from '../../support/vultr.ts';

const INTERVAL_MS = 100;
const budgets: Budget[] = [];
afterEach(() => Promise.all(budgets.splice(0).map((budget) => budget.close())));

/** A budget of ten permits a second on a clock that is moved by hand. */
function setUp(limits: Partial<BudgetLimits> = {}, maxInFlight = 1_000) {
  const clock = new ManualClock();
  const events: VultrEvent[] = [];
  const budget = new Budget({
    source: createLocalSource({ clock, intervalMs: INTERVAL_MS, limit: 11, burst: 1 }),
    clock,
    random: () => 0,
    limits: { ...DEFAULT_BUDGET, burst: 1, ...limits },
    maxInFlight,
    observe: (event) => events.push(event),
  });
  budgets.push(budget);
  const granted: string[] = [];
  const ask = (name: string, given: Partial<VultrRequest> = {}, context: Partial<SendContext> = {}) => {
    const asked = request({ credential: name.charAt(0), ...given });
    const deadline = clock.now() + 60_000;
    const done = (async () => {
      await budget.acquire(asked, { signal: new AbortController().signal, deadline, ...context });
      granted.push(name);
    })();
    done.catch(() => undefined);
    return done;
  };
  const refusals = () => events.filter(({ kind }) => kind === 'refused');
  return { clock, budget, events, granted, ask, refusals };
}

describe('a permit', () => {
  test('comes at once when there is nobody else, and then one after the other', async () => {
    const { clock, granted, ask } = setUp();
    for (const name of ['A1', 'A2', 'A3', 'A4']) void ask(name);
    await clock.advance(0);
    expect(granted).toEqual(['A1']);
    await clock.advance(99);
    expect(granted).toEqual(['A1']);
    await clock.advance(1);
    expect(granted).toEqual(['A1', 'A2']);
    await clock.advance(200);
    expect(granted).toHaveLength(4);
  });

  test('needs no promise when there is nobody else', async () => {
    const { budget, clock } = setUp();
    const context = { signal: new AbortController().signal, deadline: clock.now() + 60_000 };
    expect(budget.acquire(request(), context)).toBe(clock.now());
    expect(budget.state()).toMatchObject({ inFlight: 1, waiting: 0 });
    const second = budget.acquire(request(), context);
    expect(second).toBeInstanceOf(Promise);
    expect(budget.state()).toMatchObject({ inFlight: 1, waiting: 1 });
    await clock.advance(INTERVAL_MS);
    expect(await second).toBe(clock.now());
  });

  test('comes as often to a quiet caller as to a noisy one', async () => {
    const { clock, granted, ask } = setUp();
    for (let count = 0; count < 300; count++) void ask(`A${count}`);
    for (let count = 0; count < 10; count++) void ask(`B${count}`);
    await clock.advance(2_000);
    expect(granted.filter((name) => name.startsWith('B'))).toHaveLength(10);
  });

  test('comes to changes before reads before polls, and first to requests that got a 429', async () => {
    const { clock, granted, ask } = setUp();
    void ask('A0');
    await clock.advance(0);
    void ask('A-poll', { kind: 'poll' });
    void ask('A-read');
    void ask('B-again', {}, { throttled: true });
    void ask('A-change', { kind: 'change' });
    await clock.advance(1_000);
    expect(granted).toEqual(['A0', 'A-change', 'B-again', 'A-read', 'A-poll']);
  });

  test('comes to public requests as to one more credential, whatever they carry', async () => {
    const { clock, granted, ask } = setUp();
    void ask('A0');
    for (const name of ['P1', 'Q2', 'R3']) void ask(name, { isPublic: true });
    void ask('B1');
    await clock.advance(1_000);
    expect(granted).toEqual(['A0', 'P1', 'B1', 'Q2', 'R3']);
  });

  test('waits until a connection is free', async () => {
    const { clock, budget, granted, ask } = setUp({}, 2);
    for (const name of ['A1', 'A2', 'A3', 'A4']) void ask(name);
    await clock.advance(5_000);
    expect(granted).toEqual(['A1', 'A2']);
    expect(budget.state()).toMatchObject({ inFlight: 2, waiting: 2 });
    budget.release(clock.now() - 10, true);
    await clock.advance(1_000);
    expect(granted).toEqual(['A1', 'A2', 'A3']);
  });

  test('comes later when responses stopped coming: what was held up arrived in a burst', async () => {
    const { clock, budget, granted, ask } = setUp();
    for (let count = 0; count < 40; count++) void ask(`A${count}`);
    await clock.advance(0);
    budget.release(clock.now(), true);
    await clock.advance(500);
    expect(granted).toHaveLength(6);
    for (let count = 4; count >= 0; count--) budget.release(clock.now() - count * INTERVAL_MS, true);
    // In the second from here on there are those five and no more than six others.
    await clock.advance(999);
    expect(granted.length).toBeLessThanOrEqual(12);
    await clock.advance(1_000);
    expect(granted.length).toBeGreaterThanOrEqual(20);
  });

  test('comes on time when responses keep coming, however late each of them is', async () => {
    const { clock, budget, granted, ask } = setUp();
    for (let count = 0; count < 100; count++) void ask(`A${count}`);
    await clock.advance(2_000);
    for (let count = 0; count < 20; count++) {
      budget.release(clock.now() - 2_000, true);
      await clock.advance(100);
    }
    expect(granted.length).toBeGreaterThanOrEqual(31);
    expect(granted.length).toBeLessThanOrEqual(41);
  });

  test('is reported, with the time that it took', async () => {
    const { clock, events, ask } = setUp();
    void ask('A1');
    void ask('A2', { kind: 'poll' });
    await clock.advance(1_000);
    expect(events).toEqual([
      { kind: 'permit', request: 'read', caller: '', key: expect.any(String), waitedMs: 0 },
      { kind: 'permit', request: 'poll', caller: '', key: expect.any(String), waitedMs: 100 },
    ]);
  });
});

describe('a call whose permit comes too late', () => {
  test('is refused at once and told when to ask again', async () => {
    const { clock, ask, refusals } = setUp();
    for (let count = 0; count < 50; count++) void ask(`A${count}`);
    await clock.advance(0);
    const error = await failure(ask('A-late', {}, { deadline: clock.now() + 2_000 }));
    expect(error).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'RATE_LIMITED',
      reached: 'no',
      // Its permit would come after 5000; 1500 of its 2000 it could have waited.
      retryDelayMs: 3_500,
    });
    expect(refusals()).toEqual([{ kind: 'refused', request: 'read', caller: '', why: 'too_late' }]);
  });

  test('is not one whose permit comes soon because its credential has no others', async () => {
    const { clock, granted, ask } = setUp();
    for (let count = 0; count < 50; count++) void ask(`A${count}`);
    await clock.advance(0);
    void ask('B1', {}, { deadline: clock.now() + 500 });
    await clock.advance(300);
    expect(granted).toContain('B1');
  });

  test('is refused as soon as others come before it, not at its deadline', async () => {
    const { clock, ask, granted } = setUp();
    for (let count = 0; count < 5; count++) void ask(`A${count}`);
    const late = failure(ask('A-late', {}, { deadline: clock.now() + 1_000 }));
    for (let count = 0; count < 20; count++) void ask(`B${count}`, { kind: 'change' });
    await clock.advance(100);
    expect(await late).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reached: 'no' });
    await clock.advance(10_000);
    expect(granted).toHaveLength(25);
  });

  test('is refused when the rate falls', async () => {
    const { clock, ask, budget } = setUp();
    for (let count = 0; count < 10; count++) void ask(`A${count}`);
    const late = failure(ask('A-late', {}, { deadline: clock.now() + 1_500 }));
    await clock.advance(0);
    await budget.slowDown();
    await clock.advance(200);
    expect(await late).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('never gets a permit that leaves no time for the response', async () => {
    const { clock, ask } = setUp();
    const lefts: number[] = [];
    for (let count = 0; count < 200; count++) {
      const deadline = clock.now() + 4_000;
      ask(`A${count}`, {}, { deadline }).then(
        () => lefts.push(deadline - clock.now()),
        () => undefined,
      );
    }
    await clock.advance(10_000);
    expect(lefts.length).toBeGreaterThanOrEqual(30);
    expect(Math.min(...lefts)).toBeGreaterThanOrEqual(1_000);
  });
});

describe('the queue', () => {
  test('is bounded: the one in the last place gives way', async () => {
    const { clock, ask, budget, granted, refusals } = setUp({ maxWaiting: 3 });
    void ask('A0');
    await clock.advance(0);
    void ask('A1');
    void ask('A2');
    const last = failure(ask('A3'));
    void ask('B1');
    expect(await last).toMatchObject({ code: 'RESOURCE_EXHAUSTED', metadata: { refused: 'queue_full' } });
    expect((await failure(ask('A4'))).retryDelayMs).toBeGreaterThan(0);
    expect(budget.state().waiting).toBe(3);
    expect(refusals()).toHaveLength(2);
    await clock.advance(1_000);
    expect(granted).toEqual(['A0', 'A1', 'B1', 'A2']);
  });

  test('is never longer than its bound, whatever comes', async () => {
    const { clock, ask, budget } = setUp({ maxWaiting: 20 });
    for (let count = 0; count < 500; count++) {
      void ask(`${'ABCDEF'[count % 6]}${count}`, {
        kind: (['poll', 'read', 'change'] as const)[count % 3] ?? 'read',
      });
      expect(budget.state().waiting).toBeLessThanOrEqual(20);
    }
    await clock.advance(10_000);
    expect(budget.state()).toMatchObject({ waiting: 0, waitingBytes: 0 });
  });

  test('is bounded for each credential', async () => {
    const { ask } = setUp({ maxWaitingPerCaller: 2 });
    for (const name of ['A0', 'A1', 'A2']) void ask(name);
    expect((await failure(ask('A3'))).metadata).toEqual({ refused: 'caller_full' });
    void ask('B1');
  });

  test('is bounded in the bytes that it holds', async () => {
    const { ask, budget } = setUp({ maxWaitingBytes: 1_000 });
    void ask('A0');
    void ask('A1', { body: new Uint8Array(600) });
    const refused = failure(ask('B1', { body: new Uint8Array(600) }));
    expect(budget.state().waitingBytes).toBe(600);
    expect((await refused).metadata).toEqual({ refused: 'bytes_full' });
  });

  test('sheds the bodies of the caller that holds most when somebody else has one', async () => {
    const { ask, budget } = setUp({ maxWaitingBytes: 1_000 });
    void ask('A0');
    void ask('A1', { body: new Uint8Array(500) });
    const shed = failure(ask('A2', { body: new Uint8Array(450) }));
    void ask('B1', { body: new Uint8Array(100) });
    expect((await shed).metadata).toEqual({ refused: 'bytes_full' });
    expect(budget.state()).toMatchObject({ waitingBytes: 600 });
  });
});

describe('a waiter that is aborted', () => {
  test('hears at once of the reason and gives its place back', async () => {
    const { clock, ask, budget, granted } = setUp({ maxWaiting: 2 });
    const controller = new AbortController();
    void ask('A0');
    await clock.advance(0);
    const leaving = failure(ask('A1', {}, { signal: controller.signal }));
    void ask('A2');
    const reason = new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'Going down.');
    controller.abort(reason);
    expect(await leaving).toBe(reason);
    expect(budget.state().waiting).toBe(1);
    void ask('A3');
    await clock.advance(1_000);
    expect(granted).toEqual(['A0', 'A2', 'A3']);
  });

  test('before it waits takes no place', async () => {
    const { ask, budget } = setUp();
    expect((await failure(ask('A1', {}, { signal: AbortSignal.abort() }))).code).toBe('CANCELLED');
    expect(budget.state().waiting).toBe(0);
  });

  test('loses no permit for the others: the next one has it', async () => {
    const { clock, ask, granted } = setUp();
    const controller = new AbortController();
    void ask('A0');
    await clock.advance(0);
    void ask('A1', {}, { signal: controller.signal });
    await clock.advance(90);
    controller.abort();
    await clock.advance(20);
    void ask('A2');
    await clock.advance(0);
    expect(granted).toEqual(['A0', 'A2']);
  });

  test('leaves no listener behind, nor does one that was served', async () => {
    const { clock, ask } = setUp();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners += 1;
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...given);
    };
    for (let count = 0; count < 5; count++) void ask(`A${count}`, {}, { signal });
    await clock.advance(1_000);
    expect(listeners).toBe(0);
  });
});

test('closing refuses all who wait and leaves no timer', async () => {
  const { clock, ask, budget } = setUp();
  void ask('A0');
  const waiting = failure(ask('A1'));
  await clock.advance(0);
  await budget.close();
  expect(await waiting).toMatchObject({ reason: 'SHUTTING_DOWN', reached: 'no' });
  await clock.advance(0);
  expect(clock.sleepers).toBe(0);
});

import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { compileGoal, NO_GOAL } from '../../src/watch/goal.ts';
import { compileFields } from '../../src/watch/select-fields.ts';
import { watchThing } from '../../src/watch/watch-thing.ts';
import { settle } from '../support/clock.ts';
import { begin, openWatches, targetOf, wholeStates } from '../support/watches.ts';

const HOUR = 3_600_000;

describe('the cost of watching', () => {
  test('1 000 watchers of one thing cost as much as one', async () => {
    const costs: number[] = [];
    for (const count of [1, 1_000]) {
      const { clock, watches, asked, set } = openWatches();
      set('a', { ram: 1 });
      const all = Array.from({ length: count }, () => begin(watches, targetOf('a')));
      await clock.advance(HOUR);
      expect(all.every(({ events }) => events.length === 1)).toBe(true);
      costs.push(asked.length);
      for (const one of all) await one.leave();
    }
    expect(costs[1]).toBe(costs[0]);
    // An idle thing is looked at once in a minute.
    expect(costs[0]).toBeLessThan(80);
    expect(costs[0]).toBeGreaterThan(50);
  });

  test.each<[string, boolean, number]>([
    ['that wait for news', false, 100],
    ['that wait for a state', true, 100],
    ['of a longer list that wait for news', false, 600],
    ['of a longer list that wait for a state', true, 600],
    ['of a very long list that wait for a state', true, 9_000],
  ])(
    '1 000 watchers of 100 things %s cost at most 2 requests a second',
    async (_what, isAwaiting, listed) => {
      const { clock, watches, asked, set } = openWatches({ pollsPerSecond: 6.75 });
      for (let index = 0; index < listed; index += 1) set(`i${index}`, { ram: 1 });
      const goal = isAwaiting ? await compileGoal('instance.ram == 2', undefined) : NO_GOAL;
      const all = Array.from({ length: 1_000 }, (_, index) =>
        begin(watches, targetOf(`i${index % 100}`), { goal }),
      );
      // The first look at each of them, as fast as the share of the budget allows.
      await clock.advance(60_000);
      expect(all.every(({ events }) => events.length === 1)).toBe(true);
      expect(asked.length).toBeLessThan(60 * 6.75 + 7);
      const before = asked.length;
      await clock.advance(600_000);
      const perSecond = (asked.length - before) / 600;
      expect(perSecond).toBeLessThan(2);
      // And a change is seen soon, by all who watch the thing and nobody else.
      set('i7', { ram: 2 });
      await clock.advance(listed > 1_000 ? 30_000 : 15_000);
      const told = all.filter(({ events }) => events.length === 2);
      expect(told).toHaveLength(10);
      for (const one of all) await one.leave();
    },
  );

  test('never exceeds the share of the budget, whatever changes', async () => {
    const { clock, watches, asked, set } = openWatches({ pollsPerSecond: 2 });
    const all = Array.from({ length: 50 }, (_, index) => {
      set(`i${index}`, { ram: 0 });
      return begin(watches, targetOf(`i${index}`));
    });
    for (let second = 1; second <= 120; second += 1) {
      for (let index = 0; index < 50; index += 1) set(`i${index}`, { ram: second });
      await clock.advance(1_000);
    }
    expect(asked.length).toBeLessThanOrEqual(120 * 2 + 2);
    for (const one of all) await one.leave();
  });

  test('rises after a change through this service, and while somebody waits, and falls when the budget is tight', async () => {
    let ease = 1;
    const { clock, watches, asked, set } = openWatches({ ease: () => ease });
    set('a', {});
    const one = begin(watches, targetOf('a'));
    const countIn = async (ms: number): Promise<number> => {
      const before = asked.length;
      await clock.advance(ms);
      return asked.length - before;
    };
    await clock.advance(HOUR);
    expect(await countIn(60_000)).toBe(1);
    watches.noteChange({ credential: 'OTHER', method: 'POST', path: '/v2/instances/a/halt' });
    expect(await countIn(60_000)).toBe(1);
    watches.noteChange({ credential: 'KEY', method: 'POST', path: '/v2/instances/halt' });
    expect(await countIn(20_000)).toBeGreaterThanOrEqual(10);
    ease = 0.25;
    await clock.advance(2_000);
    expect(await countIn(16_000)).toBeLessThanOrEqual(3);
    ease = 1;
    await clock.advance(HOUR);
    const other = begin(watches, targetOf('a'), {
      goal: await compileGoal('stopped', targetOf('a').operation.states),
    });
    expect(await countIn(60_000)).toBeGreaterThanOrEqual(5);
    await one.leave();
    await other.leave();
  });

  test('does not rise with changes of other things', async () => {
    const { clock, watches, asked, set } = openWatches({ pollsPerSecond: 6.75 });
    for (let index = 0; index < 100; index += 1) set(`i${index}`, {});
    const all = Array.from({ length: 100 }, (_, index) => begin(watches, targetOf(`i${index}`)));
    await clock.advance(HOUR);
    // Two minutes, in which each thing is looked at once although its list shows no change.
    const costOf = async (method: string, path: string, isMade = true): Promise<number> => {
      const before = asked.length;
      for (let round = 0; round < 12; round += 1) {
        if (isMade) watches.noteChange({ credential: 'KEY', method, path, created: 'other' });
        await clock.advance(10_000);
      }
      return asked.length - before;
    };
    const idle = await costOf('', '', false);
    expect(await costOf('PATCH', '/v2/instances/other')).toBeCloseTo(idle, -2);
    expect(await costOf('POST', '/v2/instances/other/halt')).toBeCloseTo(idle, -2);
    expect(await costOf('POST', '/v2/instances')).toBeCloseTo(idle, -2);
    expect(await costOf('POST', '/v2/instances/halt')).toBeGreaterThan(3 * idle);
    for (const one of all) await one.leave();
  });

  test('is nothing once the last watcher has left', async () => {
    const { clock, watches, asked, set } = openWatches();
    for (let index = 0; index < 10; index += 1) set(`i${index}`, {});
    const all = Array.from({ length: 10 }, (_, index) => begin(watches, targetOf(`i${index}`)));
    await clock.advance(10_000);
    for (const one of all) await one.leave();
    const before = asked.length;
    await clock.advance(HOUR);
    expect(asked.length).toBe(before);
    expect(clock.sleepers).toBe(0);
    expect(watches.state).toMatchObject({ watches: 0, things: 0 });
  });
});

describe('a watch', () => {
  test('that begins after a change does not get a state from before it', async () => {
    const { clock, watches, asked, set } = openWatches();
    set('a', { power_status: 'stopped' });
    const first = begin(watches, targetOf('a'));
    await clock.advance(1_000);
    const polls = asked.length;
    set('a', { power_status: 'running' });
    watches.noteChange({ credential: 'KEY', method: 'POST', path: '/v2/instances/a/start' });
    const second = begin(watches, targetOf('a'), {
      goal: await compileGoal('stopped', targetOf('a').operation.states),
    });
    await clock.advance(1_000);
    expect(second.events.map(({ isReached }) => isReached)).toEqual([false]);
    expect(asked.length).toBeLessThanOrEqual(polls + 2);
    await first.leave();
    await second.leave();
  });

  test('that does not read gets the newest state, and the number of those missed', async () => {
    const { clock, watches, set } = openWatches({ limits: { maxStates: 20 } });
    set('a', { ram: 0 });
    const leaving = new AbortController();
    const wish = wholeStates(leaving.signal, { form: 'merge-patch' });
    const slow = watchThing(watches, targetOf('a'), wish);
    const first = slow.next();
    await clock.advance(1_000);
    expect((await first).value).toMatchObject({ sequence: 1, skipped: 0 });
    for (let ram = 1; ram <= 100; ram += 1) {
      set('a', { ram });
      await clock.advance(2_000);
    }
    const { value } = await slow.next();
    expect(value).toMatchObject({ sequence: 101, skipped: 99, change: { form: 'merge-patch' } });
    expect(value?.change?.form === 'merge-patch' && value.change.patch.value).toEqual({
      instance: { ram: 100 },
    });
    leaving.abort();
    expect((await slow.next()).done).toBe(true);
  });

  test('that does not read still ends with the state that it waits for', async () => {
    const { clock, watches, set } = openWatches();
    set('a', { ram: 0 });
    const goal = await compileGoal('instance.ram == 7', undefined);
    const signal = new AbortController().signal;
    const slow = watchThing(watches, targetOf('a'), {
      goal,
      select: compileFields([]),
      form: 'whole',
      lastId: '',
      signal,
    });
    const first = slow.next();
    await clock.advance(1_000);
    await first;
    for (let ram = 1; ram <= 30; ram += 1) {
      set('a', { ram });
      await clock.advance(2_000);
    }
    expect((await slow.next()).value).toMatchObject({ sequence: 8, skipped: 6, isReached: true });
    expect((await slow.next()).done).toBe(true);
  });

  test('outlives an outage of minutes, and ends with it when it lasts', async () => {
    const { clock, watches, set, fail } = openWatches();
    set('a', { ram: 1 });
    const one = begin(watches, targetOf('a'));
    await clock.advance(1_000);
    fail(new CallError('UNAVAILABLE', 'BREAKER_OPEN', 'Vultr does not respond.', { retryDelayMs: 20_000 }));
    await clock.advance(240_000);
    fail(undefined);
    set('a', { ram: 2 });
    await clock.advance(60_000);
    expect(one.events).toHaveLength(2);
    fail(new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'Too many.'));
    await clock.advance(400_000);
    await one.over;
    expect(one.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('that waits for a state outlives an outage before the first one, too, which ends one that only looks', async () => {
    const { clock, watches, set, fail } = openWatches();
    set('a', { ram: 1 });
    const busy = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'Vultr is busy.');
    fail(busy);
    const looking = begin(watches, targetOf('a'));
    await looking.over;
    expect(looking.error).toMatchObject({ code: 'UNAVAILABLE' });
    const goal = await compileGoal('instance.ram == 1', undefined);
    const waiting = begin(watches, targetOf('a'), { goal });
    await clock.advance(240_000);
    fail(undefined);
    await clock.advance(60_000);
    expect(waiting.events).toMatchObject([{ isReached: true }]);
    fail(busy);
    const inVain = begin(watches, targetOf('a', 'OTHER'), { goal });
    await clock.advance(400_000);
    await inVain.over;
    expect(inVain.error).toMatchObject({ code: 'UNAVAILABLE' });
    fail(new CallError('UNAUTHENTICATED', 'INVALID_API_KEY', 'Wrong key.'));
    const refused = begin(watches, targetOf('a', 'THIRD'), { goal });
    await refused.over;
    expect(refused.error).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('of a thing that was just created waits until Vultr shows it', async () => {
    const { clock, watches, set } = openWatches();
    watches.noteChange({ credential: 'KEY', method: 'POST', path: '/v2/instances', created: 'new' });
    const one = begin(watches, targetOf('new'));
    const other = begin(watches, targetOf('other'));
    await clock.advance(30_000);
    expect(other.error).toMatchObject({ code: 'NOT_FOUND' });
    set('new', {});
    await clock.advance(10_000);
    expect(one.events).toHaveLength(1);
    await one.leave();
  });

  test('that waits for a state brings the next poll forward, although the thing has just been polled', async () => {
    const { clock, watches, asked, set } = openWatches();
    set('a', { power_status: 'running' });
    const idle = begin(watches, targetOf('a'));
    await clock.advance(HOUR);
    const before = asked.length;
    // Just after a poll, when the next one is a minute away.
    while (asked.length === before) await clock.advance(500);
    const one = begin(watches, targetOf('a'), {
      goal: await compileGoal('stopped', targetOf('a').operation.states),
    });
    await clock.advance(0);
    expect(one.events).toHaveLength(1);
    set('a', { power_status: 'stopped' });
    await clock.advance(11_000);
    expect(one.events.at(-1)?.isReached).toBe(true);
    await idle.leave();
  });

  test('keeps no more states than all may hold together, and the newest whatever it holds', async () => {
    const { clock, watches, set, remove } = openWatches({ limits: { maxBytes: 10_000 } });
    const filler = 'x'.repeat(1_000);
    const all = Array.from({ length: 3 }, (_, index) => {
      set(`i${index}`, { filler });
      return begin(watches, targetOf(`i${index}`));
    });
    for (let ram = 1; ram <= 20; ram += 1) {
      for (let index = 0; index < 3; index += 1) set(`i${index}`, { filler, ram });
      await clock.advance(3_000);
    }
    expect(watches.state.keptBytes).toBeLessThanOrEqual(10_000);
    expect(watches.state.keptBytes).toBeGreaterThan(3_000);
    await clock.advance(60_000);
    for (const { events } of all) {
      const change = events.at(-1)?.change;
      expect(change?.form === 'whole' && change.state.value).toMatchObject({ instance: { ram: 20 } });
    }
    // Nothing is kept of what is gone.
    for (let index = 0; index < 3; index += 1) remove(`i${index}`);
    await clock.advance(60_000);
    for (const one of all) await one.over;
    expect(watches.state).toEqual({ watches: 0, things: 0, keptBytes: 0 });
  });

  test('is refused beyond the bound of its caller, and others are not', async () => {
    const { clock, watches, set } = openWatches({ limits: { maxPerCaller: 2 } });
    set('a', {});
    const [first, second, third] = [0, 1, 2].map(() => begin(watches, targetOf('a')));
    const other = begin(watches, targetOf('a', 'OTHER'));
    await clock.advance(10_000);
    expect(third?.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_WATCHES' });
    expect(other.events).toHaveLength(1);
    await first?.leave();
    const again = begin(watches, targetOf('a'));
    await clock.advance(10_000);
    expect(again.events).toHaveLength(1);
    for (const one of [second, again, other]) await one?.leave();
  });

  test('is refused beyond the bound of the service, whoever asks, until another one has left', async () => {
    const { clock, watches, set } = openWatches({ limits: { maxWatches: 2 } });
    set('a', {});
    const [first, second, third] = ['KEY', 'OTHER', 'THIRD'].map((key) => begin(watches, targetOf('a', key)));
    await clock.advance(1_000);
    expect(third?.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_WATCHES' });
    expect(third?.error.message).toContain('The service has 2 watches');
    expect(watches.state.watches).toBe(2);
    await first?.leave();
    const again = begin(watches, targetOf('a', 'THIRD'));
    await clock.advance(1_000);
    expect(again.events).toHaveLength(1);
    for (const one of [second, again]) await one?.leave();
  });

  test('goes on for as long as its states are kept', async () => {
    const { clock, watches, set } = openWatches({ limits: { idleMs: 10_000, maxIdleThings: 1 } });
    set('a', { ram: 1 });
    set('b', {});
    const one = begin(watches, targetOf('a'));
    await clock.advance(1_000);
    await one.leave();
    const resumed = begin(watches, targetOf('a'), { lastId: one.events[0]?.id ?? '' });
    set('a', { ram: 2 });
    await clock.advance(3_000);
    expect(resumed.events.map(({ sequence, isRestarted }) => [sequence, isRestarted])).toEqual([[2, false]]);
    await resumed.leave();
    await clock.advance(60_000);
    const other = begin(watches, targetOf('b'));
    await clock.advance(1_000);
    await other.leave();
    const late = begin(watches, targetOf('a'), { lastId: resumed.events[0]?.id ?? '' });
    await clock.advance(1_000);
    expect(late.events.map(({ sequence, isRestarted }) => [sequence, isRestarted])).toEqual([[1, true]]);
    await late.leave();
  });

  test('does not take the address of a console, which differs at every read, for a change', async () => {
    const { clock, watches, set, asked } = openWatches();
    set('a', { kvm: 'k0' });
    const one = begin(watches, targetOf('a'));
    for (let round = 1; round < 5; round += 1) {
      await clock.advance(5_000);
      set('a', { kvm: `k${round}` });
    }
    expect(asked.length).toBeGreaterThan(3);
    expect(one.events).toHaveLength(1);
    await one.leave();
    await settle();
  });
});

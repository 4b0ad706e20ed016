import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { begin, openWatches, targetOf } from '../support/watches.ts';

const HOUR = 3_600_000;
const [one, other] = [{ name: 'one' }, { name: 'other' }];

describe('callers of one account', () => {
  test('share the polls of a thing, and each pays for its part', async () => {
    const costs: number[] = [];
    for (const callers of [[one], [one, other], [one, other, { name: 'third' }]]) {
      const { clock, watches, asked, set } = openWatches({ pollsPerSecond: 6.75 });
      set('a', {});
      const all = callers.map((caller) => begin(watches, targetOf('a', 'KEY', caller)));
      await clock.advance(HOUR);
      expect(all.map(({ events }) => events.length)).toEqual(callers.map(() => 1));
      costs.push(asked.length);
      for (const { name } of callers) {
        const paid = asked.filter(({ caller }) => caller === name).length;
        expect(paid).toBeGreaterThan(0.8 * (asked.length / callers.length));
      }
      for (const watch of all) await watch.leave();
    }
    expect(new Set(costs).size).toBe(1);
  });

  test('share the polls of a list', async () => {
    const { clock, watches, asked, set } = openWatches();
    for (let index = 0; index < 20; index += 1) set(`i${index}`, {});
    const all = [one, other].flatMap((caller) =>
      Array.from({ length: 20 }, (_, index) => begin(watches, targetOf(`i${index}`, 'KEY', caller))),
    );
    await clock.advance(HOUR);
    const before = asked.length;
    await clock.advance(HOUR);
    const lists = asked.slice(before).filter(({ path }) => path === '/v2/instances');
    expect(lists.length).toBeLessThanOrEqual(361);
    expect(new Set(lists.map(({ caller }) => caller))).toEqual(new Set(['one', 'other']));
    for (const watch of all) await watch.leave();
  });

  test('leave without ending what others watch, whose callers pay from then on', async () => {
    const { clock, watches, asked, set } = openWatches({ pollsPerSecond: 1 });
    set('a', { ram: 1 });
    const [first, second] = [one, other].map((caller) => begin(watches, targetOf('a', 'KEY', caller)));
    await clock.advance(10_000);
    await first?.leave();
    const before = asked.length;
    set('a', { ram: 2 });
    await clock.advance(HOUR);
    expect(second?.events).toHaveLength(2);
    expect(new Set(asked.slice(before).map(({ caller }) => caller))).toEqual(new Set(['other']));
    await second?.leave();
  });

  test('have bounds of their own', async () => {
    const { clock, watches, set } = openWatches({ limits: { maxPerCaller: 1 } });
    set('a', {});
    const all = [one, one, other].map((caller) => begin(watches, targetOf('a', 'KEY', caller)));
    await clock.advance(1_000);
    expect(all.map(({ events }) => events.length)).toEqual([1, 0, 1]);
    expect(all[1]?.error).toMatchObject({ reason: 'TOO_MANY_WATCHES' });
    for (const watch of all) await watch.leave();
  });

  test('do not end each other’s watches by what one of them has used up', async () => {
    const { clock, watches, vultr, set } = openWatches();
    set('a', {});
    const call = vultr.call.bind(vultr);
    vultr.call = (operation, request, options) => {
      if (options.caller?.name === 'one')
        throw new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'This caller has used its rate.');
      return call(operation, request, options);
    };
    const [, second] = [one, other].map((caller) => begin(watches, targetOf('a', 'KEY', caller)));
    await clock.advance(10_000);
    expect(second?.events).toHaveLength(1);
    await second?.leave();
  });

  test('with other credentials share nothing', async () => {
    const { clock, watches, asked, set } = openWatches();
    set('a', {});
    const all = ['KEY', 'OTHER'].map((credential) => begin(watches, targetOf('a', credential)));
    await clock.advance(1_000);
    expect(asked).toHaveLength(2);
    for (const watch of all) await watch.leave();
  });
});

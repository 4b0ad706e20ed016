import { describe, expect, test } from 'vitest';
import { compileGoal } from '../../src/watch/goal.ts';
import { begin, openWatches, targetOf } from '../support/watches.ts';

/** The default share of a replica that is alone: 30 a second, 10 % in reserve, 25 % for watches. */
const pollsPerSecond = 6.75;

const MINUTE = 60_000;

describe('the turns of polls', () => {
  test('are not kept by watches that have been left', async () => {
    const { clock, watches, asked, set } = openWatches({ pollsPerSecond });
    for (let index = 0; index < 1_000; index += 1) set(`i${index}`, {});
    for (let round = 0; round < 5; round += 1) {
      const left = Array.from({ length: 1_000 }, (_, index) =>
        begin(watches, targetOf(`i${index}`, 'GREEDY')),
      );
      for (const one of left) await one.leave();
    }
    const before = asked.length;
    expect(before).toBeLessThanOrEqual(7);
    expect(clock.sleepers).toBe(0);
    const other = begin(watches, targetOf('i0', 'OTHER'));
    await clock.advance(1_000);
    expect(other.events).toHaveLength(1);
    await other.leave();
  });

  test('go round by caller: one with 2 000 things does not delay the first state of another', async () => {
    const { clock, watches, asked, set } = openWatches({ pollsPerSecond });
    for (let index = 0; index < 2_000; index += 1) set(`i${index}`, {});
    const greedy = Array.from({ length: 2_000 }, (_, index) =>
      begin(watches, targetOf(`i${index}`, 'GREEDY')),
    );
    await clock.advance(10_000);
    const other = begin(watches, targetOf('i0', 'OTHER'));
    await clock.advance(1_000);
    expect(other.events).toHaveLength(1);
    // And not above the share, however many wait.
    await clock.advance(MINUTE);
    expect(asked.length).toBeLessThanOrEqual(71 * pollsPerSecond + 7);
    expect(asked.length).toBeGreaterThan(70 * pollsPerSecond);
    await Promise.all([other, ...greedy].map((one) => one.leave()));
  });

  test.each<[string, string | undefined]>([
    ['a state that is waited for before first states', 'instance.ram == 1'],
    ['a first state before later ones', undefined],
  ])('bring one caller what is more urgent first: %s', async (_what, until) => {
    const { clock, watches, set } = openWatches({ pollsPerSecond: 1 });
    for (let index = 0; index < 500; index += 1) set(`i${index}`, { ram: 1 });
    const many = Array.from({ length: 400 }, (_, index) => begin(watches, targetOf(`i${index}`)));
    // With a first state for each of them, or for hardly any.
    await clock.advance(until === undefined ? 20 * MINUTE : 5_000);
    const goal = await compileGoal(until ?? '', undefined);
    const urgent = begin(watches, targetOf('i499'), { goal });
    await clock.advance(5_000);
    expect(urgent.events).toHaveLength(1);
    await Promise.all([urgent, ...many].map((one) => one.leave()));
  });

  test('of a thing that several callers watch come with the first turn of any of them', async () => {
    const { clock, watches, set } = openWatches({ pollsPerSecond });
    for (let index = 0; index < 2_000; index += 1) set(`i${index}`, {});
    const greedy = Array.from({ length: 2_000 }, (_, index) =>
      begin(watches, targetOf(`i${index}`, 'KEY', { name: 'greedy' })),
    );
    await clock.advance(10_000);
    const other = begin(watches, targetOf('i1999', 'KEY', { name: 'other' }));
    await clock.advance(1_000);
    expect(other.events).toHaveLength(1);
    await Promise.all([other, ...greedy].map((one) => one.leave()));
  });
});

import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { compileGoal } from '../../src/watch/goal.ts';
import { begin, openWatches, targetOf } from '../support/watches.ts';

const LIST = '/v2/instances';
const MINUTE = 60_000;

/** Watches of the first things of a list that wait for a state. */
async function awaitFirst(
  count: number,
  listed: number,
  { ease = () => 1, ...shown }: { ease?: () => number; listsIds?: boolean } = {},
) {
  const opened = openWatches({ ease }, shown);
  for (let index = 0; index < listed; index += 1) opened.set(`i${index}`, { ram: 1 });
  const goal = await compileGoal('instance.ram == 2', undefined);
  const add = (index: number) => begin(opened.watches, targetOf(`i${index}`), { goal });
  const all = Array.from({ length: count }, (_, index) => add(index));
  const { asked, clock } = opened;
  const countIn = async (ms: number) => {
    const before = asked.length;
    await clock.advance(ms);
    const since = asked.slice(before);
    return { list: since.filter(({ path }) => path === LIST).length, all: since.length };
  };
  const leave = async (): Promise<void> => {
    for (const one of all) await one.leave();
  };
  return { ...opened, all, add, countIn, leave };
}

describe('a list', () => {
  test('is polled instead of its things when it shows them all', async () => {
    const { countIn, leave } = await awaitFirst(5, 5);
    await countIn(5 * MINUTE);
    expect(await countIn(MINUTE)).toMatchObject({ list: 30 });
    await leave();
  });

  test('is polled less often when the budget is tight', async () => {
    let ease = 1;
    const { countIn, leave } = await awaitFirst(5, 5, { ease: () => ease });
    await countIn(5 * MINUTE);
    ease = 0.5;
    await countIn(MINUTE);
    expect(await countIn(MINUTE)).toMatchObject({ list: 15 });
    await leave();
  });

  test('whose elements have no ids is left alone, and its things are polled themselves', async () => {
    const { all, clock, set, countIn, leave } = await awaitFirst(5, 5, { listsIds: false });
    await clock.advance(MINUTE);
    expect(await countIn(5 * MINUTE)).toMatchObject({ list: 0 });
    set('i3', { ram: 2 });
    await clock.advance(11_000);
    expect(all[3]?.events.at(-1)?.isReached).toBe(true);
    await leave();
  });

  test('that is longer than it is worth is left alone, until there are enough things', async () => {
    const { all, add, clock, set, countIn, leave } = await awaitFirst(5, 1_600);
    await clock.advance(MINUTE);
    expect(await countIn(5 * MINUTE)).toMatchObject({ list: 0 });
    set('i3', { ram: 2 });
    await clock.advance(11_000);
    expect(all[3]?.events.at(-1)?.isReached).toBe(true);
    for (let index = 5; index < 25; index += 1) all.push(add(index));
    await clock.advance(5 * MINUTE);
    // Four pages every four seconds.
    const { list } = await countIn(MINUTE);
    expect(list).toBeGreaterThanOrEqual(56);
    expect(list).toBeLessThanOrEqual(64);
    await leave();
  });

  test('that does not show one of the things leaves that one to its own polls', async () => {
    const { all, vultr, add, clock, set, leave } = await awaitFirst(5, 5);
    // The example of a thing that a list leaves out: it is found under its id alone.
    const call = vultr.call.bind(vultr);
    vultr.call = async (operation, request, options) => {
      const response = await call(operation, request, options);
      if (request.path !== LIST) return response;
      const { instances } = JSON.parse(Buffer.from(response.body).toString());
      const shown = instances.filter(({ id }: { id: string }) => id !== 'i9');
      return { ...response, body: Buffer.from(JSON.stringify({ instances: shown, meta: {} })) };
    };
    set('i9', { ram: 1 });
    const hidden = add(9);
    all.push(hidden);
    await clock.advance(5 * MINUTE);
    set('i9', { ram: 2 });
    await clock.advance(11_000);
    expect(hidden.events.at(-1)?.isReached).toBe(true);
    await leave();
  });

  test('shows no change from before it was first read, so each thing is polled once more', async () => {
    const { all, vultr, clock, set, leave } = await awaitFirst(5, 5);
    const call = vultr.call.bind(vultr);
    let isFirst = true;
    vultr.call = (operation, request, options) => {
      // Just before the first look at the list, after the first state of the thing.
      if (request.path === LIST && isFirst) {
        isFirst = false;
        set('i3', { ram: 2 });
      }
      return call(operation, request, options);
    };
    await clock.advance(15_000);
    expect(isFirst).toBe(false);
    expect(all[3]?.events.at(-1)?.isReached).toBe(true);
    await leave();
  });

  test('that cannot be read is left alone, and its things are polled themselves', async () => {
    const { all, vultr, clock, set, leave } = await awaitFirst(5, 5);
    const call = vultr.call.bind(vultr);
    vultr.call = (operation, request, options) => {
      if (request.path === LIST)
        throw new CallError('PERMISSION_DENIED', 'ACCESS_DENIED', 'Not for this key.');
      return call(operation, request, options);
    };
    await clock.advance(5 * MINUTE);
    set('i3', { ram: 2 });
    await clock.advance(11_000);
    expect(all[3]?.events.at(-1)?.isReached).toBe(true);
    await leave();
  });
});

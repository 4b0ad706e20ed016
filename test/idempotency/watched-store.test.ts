import { expect, onTestFinished, test } from 'vitest';
import { watchStore } from '../../src/idempotency/watched-store.ts';
import { openTestStore, TestMachine } from '../support/stores.ts';

const REQUEST = { fields: {}, tag: undefined, postUntil: 'boot-1 1' };

/** A store that fails as a test says, watched. */
async function start(isGone = false) {
  const inner = openTestStore(new TestMachine());
  const faults = { isGone, cannotWrite: false };
  const log: string[] = [];
  const asked = { checks: 0, probes: 0 };
  const fail = async (isFailing: boolean): Promise<void> => {
    if (isFailing) throw new Error('it is gone');
  };
  const store = await watchStore({
    store: {
      ...inner,
      begin: async (...args) => {
        await fail(faults.isGone || faults.cannotWrite);
        return await inner.begin(...args);
      },
      check: async () => {
        asked.checks += 1;
        await fail(faults.isGone);
      },
      probe: async () => {
        asked.probes += 1;
        await fail(faults.isGone || faults.cannotWrite);
      },
    },
    onLost: (error) => log.push(String(error)),
    onBack: () => log.push('back'),
    intervalMs: 5,
  });
  onTestFinished(() => store.close());
  return { store, faults, log, asked };
}

test('a store that is gone at the start is known to be', async () => {
  const { store, log } = await start(true);
  expect(store.isAvailable()).toBe(false);
  expect(log).toEqual(['Error: it is gone']);
});

test('a store that goes away while nothing is created is noticed, once, and so is its return', async () => {
  const { store, faults, log } = await start();
  expect(store.isAvailable()).toBe(true);
  faults.isGone = true;
  await expect.poll(() => store.isAvailable()).toBe(false);
  faults.isGone = false;
  await expect.poll(() => store.isAvailable()).toBe(true);
  expect(log).toEqual(['Error: it is gone', 'back']);
});

test('a store that cannot be written to counts as lost until a write succeeds', async () => {
  const { store, faults, log, asked } = await start();
  faults.cannotWrite = true;
  await expect(store.begin('k', REQUEST, 'one')).rejects.toThrow('it is gone');
  expect(store.isAvailable()).toBe(false);
  const { checks } = asked;
  await expect.poll(() => asked.probes).toBeGreaterThan(2);
  expect(asked.checks).toBeLessThanOrEqual(checks + 1);
  expect(log).toEqual(['Error: it is gone']);
  faults.cannotWrite = false;
  expect((await store.begin('k', REQUEST, 'one')).kind).toBe('fresh');
  expect(store.isAvailable()).toBe(true);
  expect(log).toEqual(['Error: it is gone', 'back']);
});

test('nothing is reported once it is closed', async () => {
  const { store, faults, log } = await start();
  await store.close();
  faults.isGone = true;
  await expect(store.begin('k', REQUEST, 'one')).rejects.toThrow();
  expect(log).toEqual([]);
});

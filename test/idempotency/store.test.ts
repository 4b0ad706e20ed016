import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { openRedisStore } from '../../src/idempotency/redis-store.ts';
import { openSqliteStore } from '../../src/idempotency/sqlite-store.ts';
import type { IdempotencyStore, StoreLimits } from '../../src/idempotency/store.ts';
import { temporaryFolder } from '../support/stores.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

type Open = (limits?: Partial<StoreLimits>) => IdempotencyStore | Promise<IdempotencyStore>;

/** Each gives a way to open one and the same store, several times. */
const KINDS: readonly {
  readonly name: string;
  readonly isLeftOut: boolean;
  /** Whether it outlives who opened it, and can be opened by several. */
  readonly isShared: boolean;
  readonly place: () => Open;
}[] = [
  {
    name: 'a store in a file',
    isLeftOut: false,
    isShared: true,
    place: () => {
      const stateDir = temporaryFolder();
      return (limits = {}) => openSqliteStore({ stateDir, limits });
    },
  },
  {
    name: 'a store in memory',
    isLeftOut: false,
    isShared: false,
    place:
      () =>
      (limits = {}) =>
        openSqliteStore({ stateDir: undefined, limits }),
  },
  {
    name: `a store in Redis${needed}`,
    isLeftOut: server === undefined,
    isShared: true,
    place: () => {
      const prefix = `${randomUUID()}:`;
      return (limits = {}) => openRedisStore({ url: server?.url ?? '', prefix, limits });
    },
  },
];

const REQUEST = { fields: { plan: 'a', region: 'b' }, tag: 'the-tag', postUntil: 'boot-1 1234567' };
const RESPONSE = Buffer.from([0, 1, 2, 255, 128, 10]);

for (const { name, isLeftOut, isShared, place } of KINDS) {
  describe.skipIf(isLeftOut)(name, () => {
    function opener(): (limits?: Partial<StoreLimits>) => Promise<IdempotencyStore> {
      const open = place();
      return async (limits) => {
        const store = await open(limits);
        onTestFinished(() => store.close());
        return store;
      };
    }

    test('gives a new key to one of many who begin at the same time', async () => {
      const open = opener();
      const stores = [await open(), isShared ? await open() : undefined];
      const begun = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          (stores[index % 2] ?? stores[0])?.begin('k', REQUEST, `owner ${index}`),
        ),
      );
      expect(begun.filter((each) => each?.kind === 'fresh')).toHaveLength(1);
      expect(begun.filter((each) => each?.kind === 'in-progress')).toHaveLength(39);
    });

    test('reports what was recorded when the lease has run out, to one caller', async () => {
      const open = opener();
      const store = await open({ leaseMs: 50 });
      await store.begin('k', REQUEST, 'one');
      await sleep(80);
      const other = { ...REQUEST, tag: 'another', postUntil: 'boot-1 7' };
      expect(await store.begin('k', other, 'two')).toEqual({
        kind: 'recovered',
        record: REQUEST,
      });
      expect(await store.begin('k', other, 'three')).toEqual({ kind: 'in-progress' });
    });

    test('keeps a lease that is renewed, and only for its owner', async () => {
      const store = await opener()({ leaseMs: 400 });
      await store.begin('k', REQUEST, 'one');
      for (let time = 0; time < 6; time += 1) {
        await sleep(100);
        await store.renew('k', 'one');
      }
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('in-progress');
      await sleep(250);
      await store.renew('k', 'another');
      await sleep(250);
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('recovered');
    });

    test('gives a released creation to the next, and knows that it carries no tag', async () => {
      const store = await opener()();
      const request = { ...REQUEST, tag: undefined };
      await store.begin('k', request, 'one');
      await store.release('k', 'another');
      expect((await store.begin('k', request, 'two')).kind).toBe('in-progress');
      await store.release('k', 'one');
      expect(await store.begin('k', request, 'two')).toEqual({
        kind: 'recovered',
        record: request,
      });
    });

    test('notes until when a request may be under way, for the owner alone', async () => {
      const store = await opener()();
      await store.begin('k', REQUEST, 'one');
      expect(await store.setPostUntil('k', 'another', 'boot-1 5')).toBe(false);
      expect(await store.setPostUntil('k', 'one', 'boot-1 9')).toBe(true);
      await store.release('k', 'one');
      expect(await store.begin('k', REQUEST, 'two')).toMatchObject({ record: { postUntil: 'boot-1 9' } });
      expect(await store.setPostUntil('k', 'one', 'boot-1 11')).toBe(false);
    });

    test('keeps the first response, whoever brings it, and nothing changes it', async () => {
      const store = await opener()();
      await store.begin('k', REQUEST, 'one');
      await store.complete('k', RESPONSE);
      await store.complete('k', Buffer.from('other'));
      await store.remove('k', 'one');
      await store.release('k', 'one');
      expect(await store.setPostUntil('k', 'one', 'boot-1 9')).toBe(false);
      const begun = await store.begin('k', REQUEST, 'two');
      expect(begun.kind === 'done' && Buffer.from(begun.response)).toEqual(RESPONSE);
    });

    test('frees a key that its owner removes, and no other', async () => {
      const store = await opener()();
      await store.begin('k', REQUEST, 'one');
      await store.remove('k', 'another');
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('in-progress');
      await store.remove('k', 'one');
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('fresh');
    });

    test('reports differing fields in every state, and never hands over a creation with them', async () => {
      const store = await opener()();
      const other = { ...REQUEST, fields: { plan: 'x' } };
      await store.begin('k', REQUEST, 'one');
      await store.release('k', 'one');
      expect(await store.begin('k', other, 'two')).toEqual({ kind: 'conflict', fields: REQUEST.fields });
      await store.complete('k', RESPONSE);
      expect(await store.begin('k', other, 'two')).toEqual({ kind: 'conflict', fields: REQUEST.fields });
    });

    test('forgets a creation when its time is over', async () => {
      const store = await opener()({ rememberedMs: 80 });
      await store.begin('k', REQUEST, 'one');
      await store.complete('k', RESPONSE);
      await sleep(120);
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('fresh');
    });

    if (isShared) {
      test('keeps what was recorded when it is closed and opened again', async () => {
        const open = place();
        const before = await open();
        await before.begin('k', REQUEST, 'one');
        await before.complete('k', RESPONSE);
        await before.close();
        const after = await open();
        onTestFinished(() => after.close());
        expect((await after.begin('k', REQUEST, 'two')).kind).toBe('done');
      });
    }

    test('can be asked whether it works, which records nothing', async () => {
      const store = await opener()();
      await store.check();
      await store.probe();
      await store.begin('k', REQUEST, 'one');
      await store.probe();
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('in-progress');
    });
  });
}

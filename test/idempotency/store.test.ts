import { randomUUID } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { openRedisStore } from '../../src/idempotency/redis-store.ts';
import { openSqliteStore } from '../../src/idempotency/sqlite-store.ts';
import type { CreationStore, StoreLimits } from '../../src/idempotency/store.ts';
import { temporaryFolder } from '../support/stores.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

type Open = (limits?: Partial<StoreLimits>) => CreationStore;

/** Each gives a way to open one and the same store, several times. */
const KINDS: readonly { readonly name: string; readonly isLeftOut: boolean; readonly place: () => Open }[] = [
  {
    name: 'a store in a file',
    isLeftOut: false,
    place: () => {
      const stateDir = temporaryFolder();
      return (limits = {}) => openSqliteStore({ stateDir, now: Date.now, limits });
    },
  },
  {
    name: `a store in Redis${needed}`,
    isLeftOut: server === undefined,
    place: () => {
      const prefix = `${randomUUID()}:`;
      return (limits = {}) =>
        openRedisStore({ url: server?.url ?? '', prefix, onError: () => undefined, limits });
    },
  },
];

const REQUEST = { fields: { plan: 'a', region: 'b' }, mark: 'the-mark', postUntilMs: 1_234_567 };
const ANSWER = Buffer.from([0, 1, 2, 255, 128, 10]);

for (const { name, isLeftOut, place } of KINDS) {
  describe.skipIf(isLeftOut)(name, () => {
    function opener(): Open {
      const open = place();
      return (limits) => {
        const store = open(limits);
        onTestFinished(() => store.close());
        return store;
      };
    }

    test('gives a new id to one of many who begin at the same time', async () => {
      const open = opener();
      const stores = [open(), open()];
      const begun = await Promise.all(
        Array.from({ length: 40 }, (_, index) => stores[index % 2]?.begin('k', REQUEST, `owner ${index}`)),
      );
      expect(begun.filter((each) => each?.kind === 'fresh')).toHaveLength(1);
      expect(begun.filter((each) => each?.kind === 'busy')).toHaveLength(39);
    });

    test('tells what was recorded when the lease has run out, to one', async () => {
      const open = opener();
      const store = open({ leaseMs: 50 });
      await store.begin('k', REQUEST, 'one');
      await sleep(80);
      const other = { ...REQUEST, mark: 'another', postUntilMs: 7 };
      expect(await store.begin('k', other, 'two')).toEqual({
        kind: 'taken',
        record: { state: 'sent', ...REQUEST },
      });
      expect(await store.begin('k', other, 'three')).toEqual({ kind: 'busy' });
    });

    test('keeps a lease that is renewed, and only for its owner', async () => {
      const store = opener()({ leaseMs: 400 });
      await store.begin('k', REQUEST, 'one');
      for (let time = 0; time < 6; time += 1) {
        await sleep(100);
        await store.renew('k', 'one');
      }
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('busy');
      await sleep(250);
      await store.renew('k', 'another');
      await sleep(250);
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('taken');
    });

    test('gives a released creation to the next, and knows none that carries no mark', async () => {
      const store = opener()();
      const request = { ...REQUEST, mark: undefined };
      await store.begin('k', request, 'one');
      await store.release('k', 'another');
      expect((await store.begin('k', request, 'two')).kind).toBe('busy');
      await store.release('k', 'one');
      expect(await store.begin('k', request, 'two')).toEqual({
        kind: 'taken',
        record: { state: 'sent', ...request },
      });
    });

    test('notes until when a request may be under way, for the owner alone', async () => {
      const store = opener()();
      await store.begin('k', REQUEST, 'one');
      expect(await store.setPostUntil('k', 'another', 5)).toBe(false);
      expect(await store.setPostUntil('k', 'one', 9)).toBe(true);
      await store.release('k', 'one');
      expect(await store.begin('k', REQUEST, 'two')).toMatchObject({ record: { postUntilMs: 9 } });
      expect(await store.setPostUntil('k', 'one', 11)).toBe(false);
    });

    test('keeps the first answer, whoever brings it, and nothing changes it', async () => {
      const store = opener()();
      await store.begin('k', REQUEST, 'one');
      await store.complete('k', ANSWER);
      await store.complete('k', Buffer.from('other'));
      await store.remove('k', 'one');
      await store.release('k', 'one');
      expect(await store.setPostUntil('k', 'one', 9)).toBe(false);
      const begun = await store.begin('k', REQUEST, 'two');
      expect(begun.kind === 'done' && Buffer.from(begun.answer)).toEqual(ANSWER);
    });

    test('frees an id that its owner removes, and no other', async () => {
      const store = opener()();
      await store.begin('k', REQUEST, 'one');
      await store.remove('k', 'another');
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('busy');
      await store.remove('k', 'one');
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('fresh');
    });

    test('tells of other fields whatever the state, and lets nobody take over with them', async () => {
      const store = opener()();
      const other = { ...REQUEST, fields: { plan: 'x' } };
      await store.begin('k', REQUEST, 'one');
      await store.release('k', 'one');
      expect(await store.begin('k', other, 'two')).toEqual({ kind: 'other', fields: REQUEST.fields });
      await store.complete('k', ANSWER);
      expect(await store.begin('k', other, 'two')).toEqual({ kind: 'other', fields: REQUEST.fields });
    });

    test('forgets a creation when its time is over', async () => {
      const store = opener()({ rememberedMs: 80 });
      await store.begin('k', REQUEST, 'one');
      await store.complete('k', ANSWER);
      await sleep(120);
      expect((await store.begin('k', REQUEST, 'two')).kind).toBe('fresh');
    });

    test('keeps what it was told when it is closed and opened again', async () => {
      const open = place();
      const before = open();
      await before.begin('k', REQUEST, 'one');
      await before.complete('k', ANSWER);
      await before.close();
      const after = open();
      onTestFinished(() => after.close());
      expect((await after.begin('k', REQUEST, 'two')).kind).toBe('done');
    });
  });
}

test('a file is for its owner alone', async () => {
  const stateDir = join(temporaryFolder(), 'deep', 'down');
  const store = openSqliteStore({ stateDir, now: Date.now });
  await store.begin('k', REQUEST, 'one');
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  for (const file of ['', '-wal', '-shm']) {
    expect(statSync(join(stateDir, `creations.sqlite${file}`)).mode & 0o777).toBe(0o600);
  }
  await store.close();
});

test('a file holds so many ids and no more, and forgets none of them early', async () => {
  let nowMs = 0;
  const limits = { maxRecords: 2, rememberedMs: 1_000 };
  const store = openSqliteStore({ stateDir: undefined, now: () => nowMs, limits });
  onTestFinished(() => store.close());
  await store.begin('one', REQUEST, 'o');
  await store.begin('two', REQUEST, 'o');
  await expect(store.begin('three', REQUEST, 'o')).rejects.toThrow('2 ids');
  expect((await store.begin('one', REQUEST, 'p')).kind).toBe('busy');
  nowMs = 1_000;
  expect((await store.begin('three', REQUEST, 'o')).kind).toBe('fresh');
});

test.each([
  ['is a folder', (file: string) => mkdirSync(file)],
  ['is no database', (file: string) => writeFileSync(file, 'text that is no database at all'.repeat(100))],
  [
    'is of another version',
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec('PRAGMA user_version = 99');
      database.close();
    },
  ],
])('a file that %s is refused by name', (_what, prepare) => {
  const stateDir = temporaryFolder();
  prepare(join(stateDir, 'creations.sqlite'));
  expect(() => openSqliteStore({ stateDir, now: Date.now })).toThrow(join(stateDir, 'creations.sqlite'));
});

test.skipIf(server === undefined)(`a Redis that is gone refuses, soon${needed}`, async () => {
  const own = await startRedisServer();
  const store = openRedisStore({ url: own?.url ?? '', onError: () => undefined, commandTimeoutMs: 200 });
  onTestFinished(async () => {
    await store.close();
    await own?.stop();
  });
  expect((await store.begin('k', REQUEST, 'one')).kind).toBe('fresh');
  await own?.stop();
  await expect(store.begin('other', REQUEST, 'one')).rejects.toThrow();
  await own?.start();
  await expect
    .poll(() =>
      store.begin('new', REQUEST, 'one').then(
        ({ kind }) => kind,
        () => '',
      ),
    )
    .toBe('fresh');
});

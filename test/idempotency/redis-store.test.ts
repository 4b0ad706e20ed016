import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { openRedisStore } from '../../src/idempotency/redis-store.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

const REQUEST = { fields: { plan: 'a' }, tag: 'the-tag', postUntil: 'boot-1 1' };

test.skipIf(server === undefined)(
  `a Redis that is gone refuses, soon, and works again${needed}`,
  async () => {
    const own = await startRedisServer();
    const store = openRedisStore({ url: own?.url ?? '', commandTimeoutMs: 200 });
    onTestFinished(async () => {
      await store.close();
      await own?.stop();
    });
    expect((await store.begin('k', REQUEST, 'one')).kind).toBe('fresh');
    await own?.stop();
    await expect(store.begin('other', REQUEST, 'one')).rejects.toThrow();
    await expect(store.check()).rejects.toThrow();
    await expect(store.probe()).rejects.toThrow();
    await own?.start();
    await expect
      .poll(() =>
        store.begin('new', REQUEST, 'one').then(
          ({ kind }) => kind,
          () => '',
        ),
      )
      .toBe('fresh');
  },
);

test.skipIf(server === undefined)(
  `a Redis that hangs refuses in time, and does not carry it out later${needed}`,
  async () => {
    const own = await startRedisServer();
    const store = openRedisStore({ url: own?.url ?? '', commandTimeoutMs: 200 });
    onTestFinished(async () => {
      own?.process().kill('SIGCONT');
      await store.close();
      await own?.stop();
    });
    await store.check();
    own?.process().kill('SIGSTOP');
    await expect(Promise.all([store.check(), store.begin('k', REQUEST, 'one')])).rejects.toThrow();
    own?.process().kill('SIGCONT');
    await expect
      .poll(() =>
        store.check().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  },
);

test.skipIf(server === undefined)(`a Redis that refuses to write is found out${needed}`, async () => {
  const own = await startRedisServer();
  const store = openRedisStore({ url: own?.url ?? '' });
  const admin = new Redis(own?.url ?? '');
  onTestFinished(async () => {
    admin.disconnect();
    await store.close();
    await own?.stop();
  });
  await admin.config('SET', 'maxmemory', '1');
  await expect(store.check()).rejects.toMatchObject({ reason: 'memory' });
  await expect(store.probe()).rejects.toThrow('OOM');
  const refused = await store.begin('k', REQUEST, 'one').catch((error: unknown) => error);
  expect(String(refused)).toContain('OOM');
  // The client's own error holds the command with its arguments.
  expect(Object.keys(refused as object).toSorted()).toEqual(['name', 'reason']);
  await admin.config('SET', 'maxmemory', '0');
  await store.probe();
});

test.skipIf(server === undefined)(
  `a lease from before the clock of Redis was set back is over${needed}`,
  async () => {
    const prefix = `${randomUUID()}:`;
    const store = openRedisStore({ url: server?.url ?? '', prefix });
    const admin = new Redis(server?.url ?? '');
    onTestFinished(async () => {
      admin.disconnect();
      await store.close();
    });
    await store.begin('k', REQUEST, 'one');
    expect((await store.begin('k', REQUEST, 'two')).kind).toBe('in-progress');
    // As if it had been written three minutes from now.
    const lease = Number(await admin.hget(`${prefix}idempotency:k`, 'lease_until_ms'));
    await admin.hset(`${prefix}idempotency:k`, 'lease_until_ms', lease + 180_000);
    expect((await store.begin('k', REQUEST, 'two')).kind).toBe('recovered');
    expect((await store.begin('k', REQUEST, 'three')).kind).toBe('in-progress');
  },
);

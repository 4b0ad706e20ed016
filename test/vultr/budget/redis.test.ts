import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RedisServer, startRedisServer } from '../../../bench/overload/redis-server.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { Budget } from '../../../src/vultr/budget/budget.ts';
import { DEFAULT_BUDGET } from '../../../src/vultr/budget/options.ts';
import type { PermitSource } from '../../../src/vultr/budget/permit.ts';
import { createSharedSource } from '../../../src/vultr/budget/shared-source.ts';
import type { VultrEvent } from '../../../src/vultr/observe.ts';
import { mostInOneSecond } from '../../support/budget.ts';
import { request, startTcp } from '../../support/vultr.ts';

const server = await startRedisServer();
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';
afterAll(() => server?.stop());

function redisServer(): RedisServer {
  if (server === undefined) throw new Error('There is no redis-server.');
  return server;
}

/** A source of a replica; its Redis is found again soon. */
function startSource(given: { url?: string; replicas?: number; key?: string } = {}) {
  const events: VultrEvent[] = [];
  const source = createSharedSource({
    clock: systemClock,
    random: Math.random,
    observe: (event) => events.push(event),
    limits: { ...DEFAULT_BUDGET, replicas: given.replicas ?? 1 },
    redis: {
      url: given.url ?? redisServer().url,
      ...(given.key === undefined ? {} : { key: given.key }),
      commandTimeoutMs: 150,
      connectTimeoutMs: 150,
      probeIntervalMs: 100,
    },
    baseUrl: 'https://api.vultr.com',
  });
  onTestFinished(() => source.close());
  return { source, events };
}

/** Uses permits one after the other until the time is over; when each was used. */
async function use(source: PermitSource, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const end = Date.now() + forMs;
  while (Date.now() < end) {
    const permit = await source.reserve();
    while (Date.now() < permit.atMs) await delay(Math.ceil(permit.atMs - Date.now()));
    const nowMs = Date.now();
    if (permit.use(nowMs)) times.push(nowMs);
  }
  return times;
}

async function reach(source: PermitSource, kind: string): Promise<void> {
  await vi.waitFor(() => expect(source.state().kind).toBe(kind), { timeout: 5_000, interval: 10 });
}

describe.skipIf(server === undefined)(`a budget in Redis${needed}`, () => {
  beforeEach(async () => {
    const redis = new Redis(redisServer().url);
    await redis.flushall();
    await redis.quit();
  });

  test('is one for all replicas, and each gets its part', async () => {
    const sources = Array.from({ length: 3 }, () => startSource().source);
    for (const source of sources) await reach(source, 'redis');
    const used = await Promise.all(sources.map((source) => use(source, 3_000)));
    const all = used.flat().sort((one, other) => one - other);
    expect(mostInOneSecond(all)).toBeLessThanOrEqual(30);
    expect(all.length).toBeGreaterThan(3 * 27 * 0.8);
    for (const times of used) expect(times.length).toBeGreaterThan((all.length / 3) * 0.8);
  });

  test('is not hoarded by replicas that do nothing', async () => {
    const [busy] = Array.from({ length: 4 }, () => startSource().source);
    if (busy === undefined) throw new Error('There is no source.');
    await reach(busy, 'redis');
    expect((await use(busy, 2_000)).length).toBeGreaterThan(2 * 27 * 0.8);
  });

  test('gives way for all replicas when one of them gets a 429', async () => {
    const [one, other] = [startSource().source, startSource().source];
    await reach(one, 'redis');
    await reach(other, 'redis');
    await one.slowDown();
    await other.reserve();
    expect(other.state().rateFactor).toBeCloseTo(0.5, 2);
    await other.slowDown();
    expect(other.state().rateFactor).toBeCloseTo(0.5, 2);
  });

  test('counts requests that were held up as if they had been sent at the end, once for all replicas', async () => {
    const [one, other] = [startSource().source, startSource().source];
    await reach(one, 'redis');
    await reach(other, 'redis');
    const before = await use(one, 500);
    await one.hold(500);
    await other.hold(500);
    const end = Date.now();
    const after = (await use(one, 1_500)).filter((time) => time < end + 1_000);
    expect(before.length).toBeGreaterThan(8);
    expect(before.length + after.length).toBeLessThanOrEqual(30);
  });

  test('is kept in one key, which goes away by itself', async () => {
    const { source } = startSource({ key: 'one-key' });
    await source.reserve();
    const redis = new Redis(redisServer().url);
    expect(await redis.keys('*')).toEqual(['one-key']);
    expect(await redis.pttl('one-key')).toBeGreaterThan(0);
    await redis.quit();
  });

  test('goes on when the clock of the Redis server was set back', async () => {
    const { source } = startSource({ key: 'one-key' });
    await reach(source, 'redis');
    const redis = new Redis(redisServer().url);
    await redis.hset('one-key', 'due', Date.now() + 3_600_000);
    await redis.quit();
    const { atMs } = await source.reserve();
    expect(atMs).toBeLessThan(Date.now() + 200);
  });
});

describe.skipIf(server === undefined)(`a Redis that goes away${needed}`, () => {
  test('when it is killed, is reported once, replaced by the share, and found again', async () => {
    const replicas = Array.from({ length: 3 }, () => startSource({ replicas: 3 }));
    for (const { source } of replicas) await reach(source, 'redis');
    const using = replicas.map(({ source }) => use(source, 5_000));
    await delay(1_000);
    await redisServer().stop();
    await delay(1_500);
    for (const { source } of replicas) expect(source.state().kind).toBe('degraded');
    await redisServer().start();
    const all = (await Promise.all(using)).flat().sort((one, other) => one - other);
    expect(mostInOneSecond(all)).toBeLessThanOrEqual(30);
    expect(all.length).toBeGreaterThan(5 * 27 * 0.7);
    for (const { source, events } of replicas) {
      await reach(source, 'redis');
      const states = events.flatMap((event) => (event.kind === 'source' ? [event.state] : []));
      expect(states).toEqual(['redis', 'degraded', 'recovering', 'redis']);
    }
  });

  test('when it hangs, holds no caller for longer than the command timeout, and is found again', async () => {
    const { source, events } = startSource();
    await reach(source, 'redis');
    redisServer().process().kill('SIGSTOP');
    onTestFinished(() => void redisServer().process().kill('SIGCONT'));
    await source.reserve();
    expect(source.state().kind).toBe('degraded');
    expect(events.at(-1)).toEqual({ kind: 'source', state: 'degraded', error: 'Command timed out' });
    // It stays so, though connections to a stopped process are still taken by the kernel.
    await delay(800);
    expect(source.state().kind).toBe('degraded');
    redisServer().process().kill('SIGCONT');
    await reach(source, 'redis');
  });

  test('starts the bucket of its own empty', async () => {
    const { source } = startSource({ replicas: 3 });
    await reach(source, 'redis');
    await redisServer().stop();
    await reach(source, 'degraded');
    const before = Date.now();
    expect((await source.reserve()).atMs).toBeGreaterThan(before + 50);
    await redisServer().start();
  });
});

describe.skipIf(server === undefined)(`waiters on a shared budget${needed}`, () => {
  /** Asks for so many permits at once; how many were granted. */
  async function grantAll(budget: Budget, count: number, timeoutMs: number): Promise<number> {
    const context = { signal: new AbortController().signal, deadline: systemClock.now() + timeoutMs };
    const asked = Array.from({ length: count }, async () => {
      budget.release(await budget.acquire(request(), context), true);
    });
    return (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled').length;
  }

  function createBudgetOn(source: PermitSource): Budget {
    return new Budget({
      source,
      clock: systemClock,
      random: Math.random,
      limits: DEFAULT_BUDGET,
      maxInFlight: 64,
      observe: () => undefined,
    });
  }

  test('with time enough all get their permits, from a replica alone and from two at once', async () => {
    // A replica that has just started keeps to its share at first; the rest of the time is enough all the same.
    const alone = createBudgetOn(startSource({ key: 'alone', replicas: 3 }).source);
    const both = [1, 2].map(() => createBudgetOn(startSource({ key: 'both', replicas: 2 }).source));
    const granted = await Promise.all([
      grantAll(alone, 200, 12_000),
      ...both.map((budget) => grantAll(budget, 100, 12_000)),
    ]);
    expect(granted).toEqual([200, 100, 100]);
  });
});

describe.skipIf(server === undefined)(`a Redis that wants a password${needed}`, () => {
  const RIGHT = 'RIGHT-PASSWORD-0123456789';
  const WRONG = 'WRONG%2FPASSWORD-0123456789';

  /** What reaches the observer and the console while a source of this URL meets the server. */
  async function told(url: string): Promise<string> {
    const printed: unknown[] = [];
    const spies = (['log', 'warn', 'error'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation((...words) => void printed.push(words)),
    );
    const { source, events } = startSource({ url });
    await source.reserve();
    await reach(source, 'degraded');
    await source.slowDown();
    for (const spy of spies) spy.mockRestore();
    return inspect([events, printed], { depth: 9, showHidden: true });
  }

  test('shows the reason and never the password that was wrong', async () => {
    const admin = new Redis(redisServer().url);
    await admin.config('SET', 'requirepass', RIGHT);
    try {
      const text = await told(redisServer().url.replace('redis://', `redis://:${WRONG}@`));
      expect(text).toContain('WRONGPASS');
      expect(text).not.toContain(WRONG);
      expect(text).not.toContain(decodeURIComponent(WRONG));
      expect(await told(redisServer().url)).toContain('NOAUTH');
    } finally {
      await admin.config('SET', 'requirepass', '');
      await admin.quit();
    }
  });

  test('nor that of a user who may not do what is needed', async () => {
    const admin = new Redis(redisServer().url);
    await admin.call('ACL', 'SETUSER', 'weak', 'on', `>${RIGHT}`, '-@all', '+hello', '+auth', '+info');
    try {
      const text = await told(redisServer().url.replace('redis://', `redis://weak:${RIGHT}@`));
      expect(text).toContain('NOPERM');
      expect(text).not.toContain(RIGHT);
    } finally {
      await admin.call('ACL', 'DELUSER', 'weak');
      await admin.quit();
    }
  });
});

test.each([
  "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'me' 'SECRET-0123456789' ",
  '-LOADING Redis is loading the dataset in memory (SECRET-0123456789)',
  '-ERR max number of clients reached',
])('a server that says %s does not get the password into what is reported', async (line) => {
  const odd = await startTcp((socket) => socket.on('data', () => socket.write(`${line}\r\n`)));
  const { source, events } = startSource({
    url: odd.url.replace('http://', 'redis://me:SECRET-0123456789@'),
  });
  await reach(source, 'degraded');
  await source.reserve();
  const text = inspect(events, { depth: 9, showHidden: true });
  expect(text).not.toContain('SECRET');
  expect(events.length).toBeGreaterThan(0);
});

describe('a Redis that was never there', () => {
  test('is reported, without the password, and the share is used', async () => {
    const gone = await startTcp(() => undefined);
    await gone.close();
    const { source, events } = startSource({
      url: gone.url.replace('http://', 'redis://me:SECRET@'),
      replicas: 3,
    });
    expect((await use(source, 700)).length).toBeGreaterThan(1);
    expect(source.state()).toMatchObject({ kind: 'degraded' });
    expect(source.state().intervalMs).toBeCloseTo(111.1, 1);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ kind: 'source', state: 'degraded' });
    expect(JSON.stringify(events)).toContain('ECONNREFUSED');
    expect(JSON.stringify(events)).not.toContain('SECRET');
  });

  test('but something else, that says nothing, holds no caller', async () => {
    const silent = await startTcp(() => undefined);
    const { source } = startSource({ url: silent.url.replace('http://', 'redis://') });
    await source.reserve();
    expect(source.state().kind).toBe('degraded');
  });

  test('or talks nonsense, fails no call', async () => {
    const nonsense = await startTcp((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { source } = startSource({ url: nonsense.url.replace('http://', 'redis://') });
    await source.reserve();
    expect(source.state().kind).toBe('degraded');
  });
});

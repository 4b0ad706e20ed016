import { afterAll, describe, expect, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { createLocalCounter } from '../../src/access/creation-counter.ts';
import { openRedisCounter } from '../../src/access/redis-counter.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const note = server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

describe.skipIf(server === undefined)(`a counter in Redis${note}`, () => {
  const open = (prefix: string) => {
    const errors: Error[] = [];
    const counter = openRedisCounter({
      url: server?.url ?? '',
      prefix,
      onError: (error) => errors.push(error),
    });
    return { counter, errors };
  };

  test('counts for all replicas, each creation once', async () => {
    const [one, other] = [open('a:').counter, open('a:').counter];
    expect(await one.take('bot', '1', 2)).toEqual({ kind: 'taken' });
    expect(await other.take('bot', '2', 2)).toEqual({ kind: 'taken' });
    expect(await other.take('bot', '1', 2)).toEqual({ kind: 'taken' });
    const full = await one.take('bot', '3', 2);
    expect(full.kind).toBe('full');
    expect(full.kind === 'full' && full.retryDelayMs).toBeGreaterThan(3_590_000);
    expect(full.kind === 'full' && full.retryDelayMs).toBeLessThanOrEqual(3_600_000);
    expect(await one.take('other', '3', 2)).toEqual({ kind: 'taken' });
    await other.giveBack('bot', '1');
    expect(await one.take('bot', '3', 2)).toEqual({ kind: 'taken' });
    one.close();
    other.close();
  });

  test('never lets more through than there may be, however many ask', async () => {
    const counters = [open('b:').counter, open('b:').counter, open('b:').counter];
    const taken = await Promise.all(
      Array.from({ length: 300 }, (_, index) => counters[index % 3]?.take('bot', String(index), 20)),
    );
    expect(taken.filter((each) => each?.kind === 'taken')).toHaveLength(20);
    for (const counter of counters) counter.close();
  });
});

test('a counter in Redis rejects when there is none', async () => {
  const errors: Error[] = [];
  const counter = openRedisCounter({
    url: 'redis://127.0.0.1:1',
    onError: (error) => errors.push(error),
    commandTimeoutMs: 300,
  });
  await expect(counter.take('bot', '1', 2)).rejects.toThrow();
  expect(errors).toHaveLength(1);
  counter.close();
});

test('a counter in this process forgets what is older than an hour', async () => {
  let time = 0;
  const counter = createLocalCounter(() => time);
  for (let id = 0; id < 50; id += 1) {
    time += 60_000;
    await counter.take('bot', String(id), 100);
  }
  // Of one an hour there is room when the newest of them is an hour old, not the oldest.
  expect(await counter.take('bot', 'x', 1)).toEqual({ kind: 'full', retryDelayMs: 3_600_000 });
  time += 3_600_000;
  expect(await counter.take('bot', 'x', 1)).toEqual({ kind: 'taken' });
});

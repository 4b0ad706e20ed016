import { afterEach, expect, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { openReplicaBoard, type ReplicaBoard } from '../../src/figures/replicas.ts';
import { closeAtEnd } from '../support/opened.ts';

const boards: ReplicaBoard[] = [];
afterEach(() => {
  for (const board of boards.splice(0)) board.close();
});

function open(url: string, upstream = 'https://a.example', version = '1'): ReplicaBoard {
  const board = openReplicaBoard({ redis: { url, prefix: 'p:' }, upstream, version, intervalMs: 50 });
  boards.push(board);
  return board;
}

test('replicas with one upstream know of each other, and one that ends is forgotten', async ({ skip }) => {
  const redis = await startRedisServer();
  if (redis === undefined) {
    skip(true, 'redis-server is not installed');
    return;
  }
  closeAtEnd(() => redis.stop());
  const [one, two] = [open(redis.url), open(redis.url, 'https://a.example', '2')];
  open(redis.url, 'https://b.example');
  await expect.poll(() => one.list().replicas.length, { timeout: 10_000 }).toBe(2);
  await expect.poll(() => two.list().replicas.length, { timeout: 10_000 }).toBe(2);
  const { is_known, replicas } = one.list();
  expect(is_known).toBe(true);
  expect(replicas.filter(({ is_this }) => is_this)).toMatchObject([{ version: '1' }]);
  expect(replicas.map(({ version }) => version).toSorted()).toEqual(['1', '2']);
  two.close();
  await expect.poll(() => one.list().replicas.length, { timeout: 30_000, interval: 200 }).toBe(1);
});

test('without a Redis the others are not known', async () => {
  const board = open('redis://127.0.0.1:1');
  await expect.poll(() => board.list()).toEqual({ is_known: false, replicas: [] });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { freePort, type RedisServer, startRedisServer } from '../../bench/overload/redis-server.ts';
import {
  openRedis,
  type RedisConnection,
  type RedisConnectionOptions,
  type RedisEvent,
  type RedisTarget,
} from '../../src/base/redis.ts';
import { RedisFailure } from '../../src/base/redis-error.ts';
import { closeAtEnd } from './opened.ts';

/** Starts a redis-server of the running test's own. It is stopped when the test ends. */
export async function ownRedis(more: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedisServer(more);
  if (server === undefined) throw new Error('There is no redis-server.');
  closeAtEnd(async () => {
    server.process().kill('SIGCONT');
    await server.stop();
  });
  return server;
}

/** A client of a test, which may do everything. */
export function adminOf({ url }: Pick<RedisServer, 'url'>): Redis {
  const admin = new Redis(url, { retryStrategy: () => 50 });
  admin.on('error', () => undefined);
  closeAtEnd(() => admin.disconnect());
  return admin;
}

/** A connection of the service with what was observed of it. */
export function connectTo(
  target: RedisTarget,
  options: Partial<RedisConnectionOptions> = {},
): { readonly redis: RedisConnection; readonly events: RedisEvent[] } {
  const events: RedisEvent[] = [];
  const redis = openRedis({
    target: { ...target, observe: (event) => events.push(event) },
    use: 'record',
    connectTimeoutMs: 300,
    commandTimeoutMs: 300,
    waitsForConnection: true,
    maxReconnectMs: 100,
    ...options,
  });
  closeAtEnd(() => redis.close());
  return { redis, events };
}

/** Why a promise was rejected, which must be a failure of Redis. */
export async function failureOf(work: Promise<unknown>): Promise<RedisFailure> {
  const failure = await work.then(
    () => new Error('It did not fail.'),
    (error: unknown) => error,
  );
  if (failure instanceof RedisFailure) return failure;
  throw failure;
}

/** Starts a Sentinel that watches a master under the name `mymaster`. It is stopped when the test ends. */
export async function startSentinel(
  folder: string,
  masterPort: number,
  more: readonly string[] = [],
): Promise<{ readonly host: string; readonly port: number }> {
  const port = await freePort();
  const file = join(folder, `sentinel-${port}.conf`);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds mymaster 500',
    'sentinel failover-timeout mymaster 3000',
    ...more,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel: ChildProcess = spawn(process.env['REDIS_SERVER'] || 'redis-server', [file, '--sentinel'], {
    stdio: 'ignore',
  });
  await once(sentinel, 'spawn');
  closeAtEnd(async () => {
    if (sentinel.exitCode === null && sentinel.signalCode === null) {
      sentinel.kill('SIGKILL');
      await once(sentinel, 'exit');
    }
  });
  return { host: '127.0.0.1', port };
}

/** Waits until something that is asked again and again is so. */
export async function eventually(check: () => Promise<unknown>, timeout = 15_000): Promise<void> {
  await vi.waitFor(check, { timeout, interval: 50 });
}

/** Waits until a master has so many replicas that are up to date. */
export async function replicated(admin: Redis, replicas: number): Promise<void> {
  await eventually(async () => {
    expect(await admin.info('replication')).toMatch(
      new RegExp(`connected_slaves:${replicas}\r\n.*state=online`, 's'),
    );
  });
}

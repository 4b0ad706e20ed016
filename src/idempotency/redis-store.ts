import {
  openRedis,
  REDIS_PREFIX,
  type RedisCommand,
  type RedisConnection,
  type RedisTarget,
} from '../base/redis.ts';
import { RedisFailure } from '../base/redis-error.ts';
import { REMEMBERED_MS } from './record.ts';
import { memoryProblem } from './redis-memory.ts';
import { BEGIN, COMPLETE, REMOVE, SET_IF_OWNER } from './redis-scripts.ts';
import { type Begun, type IdempotencyStore, readFields, type StoreLimits, writeFields } from './store.ts';

/** What a store in Redis is opened with. */
export interface RedisStoreOptions extends RedisTarget {
  /** How long Redis may take to respond. Default 1 000. */
  readonly commandTimeoutMs?: number;
  /** How many replicas of Redis must have a record before its create is sent. Default 0. */
  readonly replicas?: number;
  readonly limits?: Partial<StoreLimits>;
}

/**
 * Opens the store that replicas share. While Redis does not respond, every method rejects: nothing else takes its place,
 * because a key that another replica knows would be taken for a new one. Redis has to keep what it was given (appendonly yes,
 * no eviction). Each record is a hash with a time to live, and leases are measured by the clock of Redis.
 */
export function openRedisStore(options: RedisStoreOptions): IdempotencyStore {
  const { replicas = 0, commandTimeoutMs = 1_000 } = options;
  const prefix = `${options.prefix ?? REDIS_PREFIX}idempotency:`;
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS } = options.limits ?? {};
  const redis: RedisConnection = openRedis({
    target: options,
    use: 'record',
    connectTimeoutMs: commandTimeoutMs,
    commandTimeoutMs,
    waitsForConnection: true,
    onReady: () => void lookAtMemory(),
  });
  let problem = '';

  async function lookAtMemory(): Promise<void> {
    // A user who may not ask is told nothing.
    const found = memoryProblem(await redis.send('INFO').catch(() => undefined));
    if (found !== problem) options.observe?.({ kind: 'forgetful', use: 'record', problem: found });
    problem = found;
  }

  const command = (script: string, key: string, ...values: (string | number | Buffer)[]): RedisCommand => [
    'EVAL',
    script,
    1,
    prefix + key,
    ...values,
  ];

  /** Before a request is sent, what was written must be where a failover finds it. */
  async function runSafely(command: RedisCommand): Promise<unknown> {
    if (replicas === 0) return await redis.send(...command);
    const [result, reached] = await redis.sendBoth(command, ['WAIT', replicas, commandTimeoutMs / 2]);
    if (Number(reached) >= replicas) return result;
    const message = `A record of a creation has reached ${Number(reached)} replicas of Redis and needs ${replicas}.`;
    options.observe?.({ kind: 'failed', use: 'record', cause: 'replicas', text: message });
    throw new RedisFailure('replicas', message);
  }

  async function probe(): Promise<void> {
    await redis.send('SET', `${prefix}probe`, '', 'PX', 1_000);
  }

  return {
    begin: async (key, { fields, tag, postUntil }, owner) => {
      const text = writeFields(fields);
      const found = await runSafely(
        command(BEGIN, key, owner, leaseMs, rememberedMs, text, tag ?? '', postUntil),
      );
      return readBegun(found, fields);
    },
    renew: async (key, owner) => {
      await redis.send(...command(SET_IF_OWNER, key, owner, 'lease', leaseMs));
    },
    setPostUntil: async (key, owner, postUntil) =>
      Number(await runSafely(command(SET_IF_OWNER, key, owner, 'post_until', postUntil))) === 1,
    complete: async (key, response) => {
      await redis.send(...command(COMPLETE, key, Buffer.from(response)));
    },
    remove: async (key, owner) => {
      await redis.send(...command(REMOVE, key, owner));
    },
    release: async (key, owner) => {
      await redis.send(...command(SET_IF_OWNER, key, owner, 'lease', 0));
    },
    // A replica and a Redis without memory respond to PING, too.
    check: probe,
    probe,
    close: async () => redis.close(),
  };
}

function readBegun(found: unknown, fields: Readonly<Record<string, string>>): Begun {
  const [kind, one, other] = Array.isArray(found) ? (found as Buffer[]) : [];
  switch (String(kind)) {
    case 'fresh':
      return { kind: 'fresh' };
    case 'in-progress':
      return { kind: 'in-progress' };
    case 'done':
      return { kind: 'done', response: asBytes(one) };
    case 'conflict':
      return { kind: 'conflict', fields: readFields(String(one)) };
    case 'recovered': {
      const tag = String(one) === '' ? undefined : String(one);
      return { kind: 'recovered', record: { fields, tag, postUntil: String(other) } };
    }
  }
  throw new TypeError('Redis returned something that is not a record of a creation.');
}

function asBytes(value: Buffer | undefined): Buffer {
  if (!Buffer.isBuffer(value))
    throw new TypeError('A record of a creation in Redis does not hold a response.');
  return value;
}

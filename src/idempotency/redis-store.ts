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
  const { commandTimeoutMs = 1_000 } = options;
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
  const runSafely = safeRunner(redis, options, commandTimeoutMs / 2);
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

  async function probe(): Promise<void> {
    await redis.send('SET', `${prefix}probe`, '', 'PX', 1_000);
  }

  return {
    begin: async (key, { fields, tag, postUntil }, owner) => {
      const text = writeFields(fields);
      const begin = command(BEGIN, key, owner, leaseMs, rememberedMs, text, tag ?? '', postUntil);
      // Nothing will be sent: a new key is a new one next time, too, and one that was taken over is free again.
      const found = await runSafely(begin, (result) => {
        const { kind } = readBegun(result, fields);
        if (kind === 'fresh') return command(REMOVE, key, owner);
        return kind === 'recovered' ? command(SET_IF_OWNER, key, owner, 'lease', 0) : undefined;
      });
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

/** Runs a command that writes; undone when it has not reached enough replicas. */
type RunSafely = (
  command: RedisCommand,
  undo?: (result: unknown) => RedisCommand | undefined,
) => Promise<unknown>;

/** Before a request is sent, what was written must be where a failover finds it. */
function safeRunner(
  redis: RedisConnection,
  { replicas = 0, observe }: RedisStoreOptions,
  waitMs: number,
): RunSafely {
  if (replicas === 0) return (command) => redis.send(...command);
  return async (command, undo) => {
    const [result, reached] = await redis.sendBoth(command, ['WAIT', replicas, waitMs]);
    if (Number(reached) >= replicas) return result;
    const undoing = undo?.(result);
    if (undoing !== undefined) await redis.send(...undoing).catch(() => undefined);
    const text = `The record of a creation reached ${Number(reached)} replicas of Redis; ${replicas} are required.`;
    observe?.({ kind: 'failed', use: 'record', cause: 'replicas', text });
    throw new RedisFailure('replicas', text);
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

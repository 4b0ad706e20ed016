import { once } from 'node:events';
import { Redis } from 'ioredis';
import { REMEMBERED_MS } from './record.ts';
import { BEGIN, COMPLETE, REMOVE, SET_IF_OWNER } from './redis-scripts.ts';
import { type Begun, type IdempotencyStore, readFields, type StoreLimits, writeFields } from './store.ts';

/** What a store in Redis is made of. */
export interface RedisStoreOptions {
  /** redis:// or rediss:// */
  readonly url: string;
  /** Told once when the connection is lost or does not come about, and again after it was there. */
  readonly onError: (error: Error) => void;
  /** The start of every key. Default `vultr-grpc:idempotency:`. */
  readonly prefix?: string;
  /** How long Redis may take to answer. Default 1 000. */
  readonly commandTimeoutMs?: number;
  readonly limits?: Partial<StoreLimits>;
}

/** The text of ioredis's error for a command without an answer in time. */
const TIMED_OUT = 'Command timed out';

/** The longest wait before a lost connection is tried again; the first is 50 ms. */
const MAX_RECONNECT_MS = 1_000;

/**
 * Opens the store that replicas share. While Redis does not answer, every method rejects: nothing else takes its place, since
 * a key that another replica knows would be taken for a new one. Redis has to keep what it was given (appendonly yes, no
 * eviction); each record is a hash with a time to live, and leases are measured by the clock of Redis.
 */
export function openRedisStore(options: RedisStoreOptions): IdempotencyStore {
  const { url, onError, prefix = 'vultr-grpc:idempotency:', commandTimeoutMs = 1_000 } = options;
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS } = options.limits ?? {};
  const redis = new Redis(url, {
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // What waited for a connection would be carried out when its caller has long been refused.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 10)),
  });
  let isTold = false;
  redis.on('ready', () => {
    isTold = false;
  });
  redis.on('error', (error: Error) => {
    if (!isTold) onError(error);
    isTold = true;
  });

  async function run(script: string, key: string, ...values: (string | number | Buffer)[]): Promise<unknown> {
    if (redis.status !== 'ready')
      await once(redis, 'ready', { signal: AbortSignal.timeout(commandTimeoutMs) });
    try {
      return await redis.callBuffer('EVAL', script, 1, prefix + key, ...values);
    } catch (error) {
      // What hangs in the connection would be carried out late: another connection is made.
      if (error instanceof Error && error.message === TIMED_OUT) redis.disconnect(true);
      throw error;
    }
  }

  return {
    begin: async (key, { fields, tag, postUntil }, owner) => {
      const text = writeFields(fields);
      const answer = await run(BEGIN, key, owner, leaseMs, rememberedMs, text, tag ?? '', postUntil);
      const [kind, one, other] = Array.isArray(answer) ? (answer as Buffer[]) : [];
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
          const carried = String(one) === '' ? undefined : String(one);
          const record = { fields, tag: carried, postUntil: String(other) };
          return { kind: 'recovered', record } satisfies Begun;
        }
      }
      throw new TypeError('Redis answered something that the record of creations does not know.');
    },
    renew: async (key, owner) => {
      await run(SET_IF_OWNER, key, owner, 'lease', leaseMs);
    },
    setPostUntil: async (key, owner, postUntil) =>
      Number(await run(SET_IF_OWNER, key, owner, 'post_until', postUntil)) === 1,
    complete: async (key, response) => {
      await run(COMPLETE, key, Buffer.from(response));
    },
    remove: async (key, owner) => {
      await run(REMOVE, key, owner);
    },
    release: async (key, owner) => {
      await run(SET_IF_OWNER, key, owner, 'lease', 0);
    },
    isAvailable: () => redis.status === 'ready',
    close: async () => redis.disconnect(),
  };
}

function asBytes(value: Buffer | undefined): Buffer {
  if (!Buffer.isBuffer(value))
    throw new TypeError('A record of a creation in Redis does not hold a response.');
  return value;
}

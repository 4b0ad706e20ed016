import { once } from 'node:events';
import { loadRedis } from '../base/redis.ts';
import { redisErrorText } from '../base/redis-error.ts';
import { REMEMBERED_MS } from './record.ts';
import { BEGIN, COMPLETE, REMOVE, SET_IF_OWNER } from './redis-scripts.ts';
import { type Begun, type IdempotencyStore, readFields, type StoreLimits, writeFields } from './store.ts';

/** What a store in Redis is opened with. */
export interface RedisStoreOptions {
  /** redis:// or rediss:// */
  readonly url: string;
  /** The start of every key. Default `vultr-grpc:idempotency:`. */
  readonly prefix?: string;
  /** How long Redis may take to respond. Default 1 000. */
  readonly commandTimeoutMs?: number;
  readonly limits?: Partial<StoreLimits>;
}

/** The text of ioredis's error for a command without a response in time. */
const TIMED_OUT = 'Command timed out';

/** The longest wait before a lost connection is tried again; the first is 50 ms. */
const MAX_RECONNECT_MS = 1_000;

/**
 * Opens the store that replicas share. While Redis does not respond, every method rejects: nothing else takes its place,
 * because a key that another replica knows would be taken for a new one. Redis has to keep what it was given (appendonly yes,
 * no eviction). Each record is a hash with a time to live, and leases are measured by the clock of Redis.
 */
export function openRedisStore(options: RedisStoreOptions): IdempotencyStore {
  const { prefix = 'vultr-grpc:idempotency:' } = options;
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS } = options.limits ?? {};
  const { send, close } = connect(options);

  async function run(script: string, key: string, ...values: (string | number | Buffer)[]): Promise<unknown> {
    return await send('EVAL', script, 1, prefix + key, ...values);
  }

  return {
    begin: async (key, { fields, tag, postUntil }, owner) => {
      const text = writeFields(fields);
      const found = await run(BEGIN, key, owner, leaseMs, rememberedMs, text, tag ?? '', postUntil);
      return readBegun(found, fields);
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
    check: async () => {
      await send('PING');
    },
    probe: async () => {
      await send('SET', `${prefix}probe`, '', 'PX', 1_000);
    },
    close,
  };
}

interface RedisConnection {
  /**
   * Rejects when there is no response in time; the command is then not carried out later. The text of the error can be
   * logged.
   */
  send(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  close(): Promise<void>;
}

function connect({ url, commandTimeoutMs = 1_000 }: RedisStoreOptions): RedisConnection {
  const Redis = loadRedis();
  const redis = new Redis(url, {
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // What waited for a connection would be carried out when its caller has long been refused.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 10)),
  });
  // Whoever sends a command hears of it. Without a listener ioredis would write to the console.
  redis.on('error', () => undefined);
  // Every command that waits for the connection listens for it; there are as many as creations under way.
  redis.setMaxListeners(0);
  return {
    send: async (command, ...args) => {
      try {
        if (redis.status !== 'ready')
          await once(redis, 'ready', { signal: AbortSignal.timeout(commandTimeoutMs) });
        return await redis.callBuffer(command, ...args);
      } catch (error) {
        // What hangs in the connection would be carried out late: another connection is made.
        if (error instanceof Error && error.message === TIMED_OUT) redis.disconnect(true);
        throw new Error(redisErrorText(error, url));
      }
    },
    close: async () => redis.disconnect(),
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

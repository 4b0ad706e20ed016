import { loadRedis } from '../base/redis.ts';
import { redisErrorText } from '../base/redis-error.ts';
import { type CreationCounter, type Taken, WINDOW_MS } from './creation-counter.ts';

/** The options of a counter in Redis. */
export interface RedisCounterOptions {
  /** redis:// or rediss:// */
  readonly url: string;
  /** Called once when the connection is lost or cannot be made; again only after it has been restored. */
  readonly onError: (error: Error) => void;
  /** The start of every key. Default `vultr-grpc:creates:`. */
  readonly prefix?: string;
  /** How long Redis may take to respond. Default 1 000. */
  readonly commandTimeoutMs?: number;
}

/**
 * ARGV: the id, the limit, the window in milliseconds. A sorted set holds the ids by the time of Redis, which all replicas
 * share. Returns 0, or the milliseconds until there is room.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
local count = redis.call('ZCARD', KEYS[1])
local most = tonumber(ARGV[2])
if count >= most then
  local entry = redis.call('ZRANGE', KEYS[1], count - most, count - most, 'WITHSCORES')
  return math.max(1, entry[2] + ARGV[3] - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
`;

/** The longest wait before reconnecting; the first is 50 ms. */
const MAX_RECONNECT_MS = 1_000;

/** Counts for all replicas. Both methods reject while Redis does not respond, so that the limit cannot be bypassed. */
export function openRedisCounter(options: RedisCounterOptions): CreationCounter {
  const { url, onError, prefix = 'vultr-grpc:creates:', commandTimeoutMs = 1_000 } = options;
  const Redis = loadRedis();
  const redis = new Redis(url, {
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 1,
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
  const send = async (command: string, ...args: (string | number)[]): Promise<unknown> => {
    try {
      return await redis.call(command, ...args);
    } catch (error) {
      // The error becomes the cause of a refusal, which is logged; the client's own may hold the password.
      throw new Error(redisErrorText(error, url));
    }
  };
  return {
    take: async (caller, id, perHour): Promise<Taken> => {
      const wait = Number(await send('EVAL', TAKE, 1, prefix + caller, id, perHour, WINDOW_MS));
      return wait === 0 ? { kind: 'taken' } : { kind: 'full', retryDelayMs: wait };
    },
    giveBack: async (caller, id) => {
      await send('ZREM', prefix + caller, id);
    },
    close: () => redis.disconnect(),
  };
}

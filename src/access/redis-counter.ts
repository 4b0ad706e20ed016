import { openRedis, REDIS_PREFIX, type RedisTarget } from '../base/redis.ts';
import type { RedisFailure } from '../base/redis-error.ts';
import { type CreationCounter, type Taken, WINDOW_MS } from './creation-counter.ts';

/** The options of a counter in Redis. */
export interface RedisCounterOptions extends RedisTarget {
  /** Called once when the connection is lost or cannot be made; again only after it has been restored. */
  readonly onError: (failure: RedisFailure) => void;
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

/** Counts for all replicas. Both methods reject while Redis does not respond, so that the limit cannot be bypassed. */
export function openRedisCounter(options: RedisCounterOptions): CreationCounter {
  const { onError, commandTimeoutMs = 1_000 } = options;
  const prefix = `${options.prefix ?? REDIS_PREFIX}creates:`;
  let isTold = false;
  const redis = openRedis({
    target: options,
    use: 'counts',
    connectTimeoutMs: commandTimeoutMs,
    commandTimeoutMs,
    waitsForConnection: true,
    onReady: () => {
      isTold = false;
    },
    onFailure: (failure) => {
      if (!isTold) onError(failure);
      isTold = true;
    },
  });
  return {
    take: async (caller, id, perHour): Promise<Taken> => {
      const wait = Number(await redis.send('EVAL', TAKE, 1, prefix + caller, id, perHour, WINDOW_MS));
      return wait === 0 ? { kind: 'taken' } : { kind: 'full', retryDelayMs: wait };
    },
    giveBack: async (caller, id) => {
      await redis.send('ZREM', prefix + caller, id);
    },
    close: () => redis.close(),
  };
}

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, systemClock } from '../base/clock.ts';
import { openRedis, REDIS_PREFIX, type RedisTarget } from '../base/redis.ts';
import { pause } from '../base/wait.ts';
import type { ReplicaFigures } from './snapshot.ts';

/** How often a replica reports, after how long without a report it counts as gone, and how many are listed. */
export const REPLICA_LIMITS = { intervalMs: 5_000, goneMs: 15_000, most: 50 } as const;

/** How long Redis may take. */
const COMMAND_TIMEOUT_MS = 1_000;

/**
 * ARGV: this replica's entry, its id, when a replica counts as gone in milliseconds, how many are listed. One sorted set has
 * the ids by when they reported last, one hash what they said. Returns the time of Redis, and id, time and entry of each.
 */
const REPORT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do redis.call('HDEL', KEYS[2], id) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local seen = redis.call('ZRANGE', KEYS[1], 0, ARGV[4] - 1, 'WITHSCORES')
local result = { tostring(now) }
for index = 1, #seen, 2 do
  result[#result + 1] = seen[index]
  result[#result + 1] = seen[index + 1]
  result[#result + 1] = redis.call('HGET', KEYS[2], seen[index]) or ''
end
return result
`;

/** The replicas that share a Redis, as far as they are known. */
export interface ReplicaBoard {
  list(): ReplicaFigures;
  /** Ends the reports; the others forget this replica after a while. */
  close(): void;
}

/** The options of the board. */
export interface ReplicaOptions {
  readonly redis: RedisTarget;
  /** What the replicas have in common besides the Redis: the address of the upstream. */
  readonly upstream: string;
  readonly version: string;
  readonly intervalMs?: number;
  readonly clock?: Clock;
}

/** Has this replica report to Redis at intervals, and learn who else does. Redis may be gone; it is asked again and again. */
export function openReplicaBoard(options: ReplicaOptions): ReplicaBoard {
  const {
    redis: target,
    upstream,
    version,
    intervalMs = REPLICA_LIMITS.intervalMs,
    clock = systemClock,
  } = options;
  const id = `${hostname().slice(0, 60)}-${randomUUID().slice(0, 8)}`;
  const startedMs = clock.now();
  const { prefix = REDIS_PREFIX } = target;
  // The braces have both in one slot of a cluster.
  const key = `${prefix}replicas:{${upstream}}`;
  const redis = openRedis({
    target,
    use: 'replicas',
    connectTimeoutMs: COMMAND_TIMEOUT_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    waitsForConnection: true,
    maxReconnectMs: intervalMs,
  });
  const closing = new AbortController();
  let known: ReplicaFigures = { is_known: false, replicas: [] };

  async function report(): Promise<void> {
    const entry = JSON.stringify({ version, uptime_s: Math.round((clock.now() - startedMs) / 1_000) });
    const { goneMs, most } = REPLICA_LIMITS;
    try {
      const reply = await redis.send('EVAL', REPORT, 2, key, `${key}:about`, entry, id, goneMs, most);
      known = { is_known: true, replicas: read(reply, id) };
    } catch {
      known = { is_known: false, replicas: [] };
    }
  }

  void (async () => {
    while (!closing.signal.aborted) {
      await report();
      await pause(clock, intervalMs, closing.signal);
    }
  })();
  return {
    list: () => known,
    close: () => {
      closing.abort();
      redis.close();
    },
  };
}

function read(reply: unknown, ownId: string): ReplicaFigures['replicas'] {
  const [now, ...rest] = Array.isArray(reply) ? reply.map(String) : [];
  const replicas: ReplicaFigures['replicas'][number][] = [];
  for (let index = 0; index + 2 < rest.length; index += 3) {
    const [id = '', seenMs, entry = ''] = rest.slice(index, index + 3);
    const { version = '', uptime_s = 0 } = parse(entry);
    const seen_s = Math.max(0, Math.round((Number(now) - Number(seenMs)) / 1_000));
    replicas.push({ id, version, uptime_s, seen_s, is_this: id === ownId });
  }
  return replicas.sort((left, right) => left.id.localeCompare(right.id));
}

/** What another replica, perhaps of another version, has said. */
function parse(entry: string): { version?: string; uptime_s?: number } {
  try {
    const { version, uptime_s } = JSON.parse(entry) as Record<string, unknown>;
    return { version: String(version).slice(0, 40), uptime_s: Number(uptime_s) || 0 };
  } catch {
    return {};
  }
}

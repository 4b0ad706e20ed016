import { openRedis, REDIS_PREFIX } from '../../base/redis.ts';
import type { ResolvedRedis } from './options.ts';
import { BUCKET_SCRIPT } from './redis-script.ts';

/** What the bucket replies. */
export interface BucketReply {
  /** Milliseconds until the permit may be used. */
  readonly waitMs: number;
  /** The rate factor at the last 429, and how many milliseconds ago that was. */
  readonly cutFactor: number;
  readonly cutAgoMs: number;
}

/**
 * The bucket that all replicas share. Its methods reject within the command timeout when Redis does not respond, with an
 * error whose text can be logged.
 */
export interface RedisBucket {
  /** Takes the next permit. */
  reserve(): Promise<BucketReply>;
  /** Halves the rate for a while. */
  cut(): Promise<BucketReply>;
  /** Counts the last permits as if they were used now. */
  hold(heldMs: number): Promise<BucketReply>;
  close(): void;
}

/** The options of a bucket. */
export interface RedisBucketOptions {
  readonly redis: ResolvedRedis;
  /** The address of the upstream; it names the budget when no key is given. */
  readonly baseUrl: string;
  /** As in local-source.ts. */
  readonly intervalMs: number;
  readonly limit: number;
  readonly burst: number;
  /** Called with the reason each time the connection is lost or cannot be made. The text can be logged. */
  readonly onError: (text: string) => void;
  /** Called when a connection is ready for commands. */
  readonly onReady: () => void;
}

/** Opens the connection, which is made again whenever it is lost until it is closed. */
export function createRedisBucket(options: RedisBucketOptions): RedisBucket {
  const { redis: given, intervalMs, limit, burst, onError, onReady } = options;
  const { connectTimeoutMs, commandTimeoutMs, probeIntervalMs } = given;
  const key = given.key ?? `${given.prefix ?? REDIS_PREFIX}budget:${options.baseUrl}`;
  const redis = openRedis({
    target: given,
    use: 'budget',
    connectTimeoutMs,
    commandTimeoutMs,
    // Nobody waits for a permit of a Redis that is gone: there is the replica's share.
    waitsForConnection: false,
    maxReconnectMs: probeIntervalMs,
    onReady,
    onFailure: ({ message }) => onError(message),
  });

  async function run(command: 'reserve' | 'cut' | 'hold', heldMs = 0): Promise<BucketReply> {
    const reply = await redis.send('EVAL', BUCKET_SCRIPT, 1, key, command, intervalMs, limit, burst, heldMs);
    const [waitMs = -1, cutFactor = 0, cutAgoMs = 0] = Array.isArray(reply) ? reply.map(Number) : [];
    if (!(waitMs >= 0 && cutFactor > 0 && cutAgoMs >= 0))
      throw new TypeError('The bucket in Redis did not reply with three numbers.');
    return { waitMs, cutFactor, cutAgoMs };
  }

  return {
    reserve: () => run('reserve'),
    cut: () => run('cut'),
    hold: (heldMs) => run('hold', heldMs),
    close: () => redis.close(),
  };
}

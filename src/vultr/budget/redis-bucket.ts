import { loadRedis } from '../../base/redis.ts';
import { redisErrorText } from '../../base/redis-error.ts';
import type { RedisOptions } from './options.ts';
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
  readonly redis: Required<RedisOptions>;
  /** As in local-source.ts. */
  readonly intervalMs: number;
  readonly limit: number;
  readonly burst: number;
  /** Called with the reason each time the connection is lost or cannot be made. The text can be logged. */
  readonly onError: (text: string) => void;
  /** Called when a connection is ready for commands. */
  readonly onReady: () => void;
}

/** The first wait before a connection is tried again; it doubles up to the probe interval. */
const FIRST_RECONNECT_MS = 50;

/** What ioredis says when a command took too long. */
const TIMED_OUT = 'Command timed out';

/** Opens the connection, which is made again whenever it is lost until it is closed. */
export function createRedisBucket(options: RedisBucketOptions): RedisBucket {
  const { redis: given, intervalMs, limit, burst, onError, onReady } = options;
  const Redis = loadRedis();
  const redis = new Redis(given.url, {
    connectTimeout: given.connectTimeoutMs,
    commandTimeout: given.commandTimeoutMs,
    // A command without a connection fails at once; one that was lost is not sent again: its permit is over.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(given.probeIntervalMs, FIRST_RECONNECT_MS * 2 ** Math.min(times, 16)),
  });
  redis.on('error', (error) => onError(redisErrorText(error, given.url)));
  redis.on('close', () => onError('The connection to Redis was closed.'));
  redis.on('ready', onReady);

  async function run(command: 'reserve' | 'cut' | 'hold', heldMs = 0): Promise<BucketReply> {
    let reply: unknown;
    try {
      reply = await redis.eval(BUCKET_SCRIPT, 1, given.key, command, intervalMs, limit, burst, heldMs);
    } catch (error) {
      // What is stuck in the connection would pile up and be carried out late, so another connection is made.
      if (error instanceof Error && error.message === TIMED_OUT) redis.disconnect(true);
      throw new Error(redisErrorText(error, given.url));
    }
    const [waitMs = -1, cutFactor = 0, cutAgoMs = 0] = Array.isArray(reply) ? reply.map(Number) : [];
    if (!(waitMs >= 0 && cutFactor > 0 && cutAgoMs >= 0))
      throw new TypeError('The bucket in Redis did not reply with three numbers.');
    return { waitMs, cutFactor, cutAgoMs };
  }

  return {
    reserve: () => run('reserve'),
    cut: () => run('cut'),
    hold: (heldMs) => run('hold', heldMs),
    close: () => redis.disconnect(),
  };
}

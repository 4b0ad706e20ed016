import { Redis } from 'ioredis';
import type { RedisOptions } from './options.ts';
import { BUCKET_SCRIPT } from './redis-script.ts';

/** What the bucket says. */
export interface BucketAnswer {
  /** Milliseconds until the slot. */
  readonly waitMs: number;
  readonly rateFactor: number;
}

/** The bucket that all replicas share. Its methods reject within the command timeout when Redis does not answer. */
export interface RedisBucket {
  /** Takes the next slot. */
  reserve(): Promise<BucketAnswer>;
  /** Halves the rate for a while. */
  cut(): Promise<BucketAnswer>;
  /** Counts the last slots as if they were used now. */
  hold(heldMs: number): Promise<BucketAnswer>;
  close(): void;
}

/** What a bucket is made of. */
export interface RedisBucketOptions {
  readonly redis: Required<RedisOptions>;
  /** As in local-source.ts. */
  readonly intervalMs: number;
  readonly limit: number;
  readonly burst: number;
  /** Told, as often as it happens, why the connection is lost or does not come about. */
  readonly onError: (error: Error) => void;
  /** Told when a connection is ready for commands. */
  readonly onReady: () => void;
}

/** The first wait before a connection is tried again; it doubles up to the probe interval. */
const FIRST_RECONNECT_MS = 50;

/** What ioredis says when a command took too long. */
const TIMED_OUT = 'Command timed out';

/** Opens the connection; it comes back by itself until it is closed. */
export function createRedisBucket(options: RedisBucketOptions): RedisBucket {
  const { redis: given, intervalMs, limit, burst, onError, onReady } = options;
  const redis = new Redis(given.url, {
    connectTimeout: given.connectTimeoutMs,
    commandTimeout: given.commandTimeoutMs,
    // A command without a connection fails at once; one that was lost is not sent again: its slot is over.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(given.probeIntervalMs, FIRST_RECONNECT_MS * 2 ** Math.min(times, 16)),
  });
  redis.on('error', onError);
  redis.on('close', () => onError(new Error('The connection to Redis was closed.')));
  redis.on('ready', onReady);

  async function run(command: 'reserve' | 'cut' | 'hold', heldMs = 0): Promise<BucketAnswer> {
    let answer: unknown;
    try {
      answer = await redis.eval(BUCKET_SCRIPT, 1, given.key, command, intervalMs, limit, burst, heldMs);
    } catch (error) {
      // What hangs in the connection would pile up, and be carried out late: another connection is made.
      if (error instanceof Error && error.message === TIMED_OUT) redis.disconnect(true);
      throw error;
    }
    const [waitMs, rateFactor] = Array.isArray(answer) ? answer.map(Number) : [];
    if (waitMs === undefined || rateFactor === undefined || !(waitMs >= 0 && rateFactor > 0))
      throw new TypeError('The bucket in Redis gave an answer that is not two numbers.');
    return { waitMs, rateFactor };
  }

  return {
    reserve: () => run('reserve'),
    cut: () => run('cut'),
    hold: (heldMs) => run('hold', heldMs),
    close: () => redis.disconnect(),
  };
}

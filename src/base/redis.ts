import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { SecureContextOptions } from 'node:tls';
import type { Redis, RedisOptions } from 'ioredis';
import { type RedisCause, RedisFailure, redisCause, redisErrorText } from './redis-error.ts';

const require = createRequire(import.meta.url);

/** The client of Redis. It is loaded when it is first asked for: most services have no Redis, and would start later for it. */
function loadRedis(): typeof Redis {
  return (require('ioredis') as typeof import('ioredis')).Redis;
}

/** What Redis is used for: the request budget, the record of creates, the counts of creates, the list of replicas. */
export type RedisUse = 'budget' | 'record' | 'counts' | 'replicas';

/** Something that a metric counts or the log reports. */
export type RedisEvent =
  | { readonly kind: 'ready'; readonly use: RedisUse }
  | { readonly kind: 'lost'; readonly use: RedisUse }
  /** A connection or a command failed. The text can be logged. */
  | { readonly kind: 'failed'; readonly use: RedisUse; readonly cause: RedisCause; readonly text: string }
  /** Redis may forget what it is given; `problem` is empty when it does not, or no longer. */
  | { readonly kind: 'forgetful'; readonly use: RedisUse; readonly problem: string };

/** Where Redis is, and how it is reached. */
export interface RedisTarget {
  /** `redis://` or `rediss://`, credentials included. It is never logged. With Sentinels, its host is the name of the master. */
  readonly url: string;
  /** The start of every key. Default `vultr-grpc:`. */
  readonly prefix?: string | undefined;
  /** For `rediss://`: what the next connection is made with. Default: what Node has built in. */
  readonly tls?: (() => SecureContextOptions) | undefined;
  /** Those who know where the master is; undefined: the URL says so. They are spoken to with TLS when the master is. */
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[] | undefined;
  /** The password of the Sentinels. It is never logged. */
  readonly sentinelPassword?: string | undefined;
  /** Called with every event, synchronously. It must be quick and must not throw. */
  readonly observe?: ((event: RedisEvent) => void) | undefined;
}

/** The start of every key, unless a target has another. */
export const REDIS_PREFIX = 'vultr-grpc:';

/** How one connection behaves. */
export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  readonly use: RedisUse;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Whether a command waits for a connection, for as long as a command may take; otherwise it fails at once without one. */
  readonly waitsForConnection: boolean;
  /** The longest wait before a lost connection is tried again; the first is 50 ms. Default 1 000. */
  readonly maxReconnectMs?: number;
  /** Called each time the connection is lost or cannot be made. */
  readonly onFailure?: (failure: RedisFailure) => void;
  /** Called when a connection is ready for commands. */
  readonly onReady?: () => void;
}

/** A connection to Redis that is made again whenever it is lost, until it is closed. */
export interface RedisConnection {
  /**
   * Sends a command. It rejects with a RedisFailure when there is no response in time; the command is then not sent again.
   * A reply is made of numbers, Buffers and arrays.
   */
  send(...command: RedisCommand): Promise<unknown>;
  /** Sends two commands so that nothing comes between them, not even another connection. */
  sendBoth(one: RedisCommand, other: RedisCommand): Promise<readonly [unknown, unknown]>;
  close(): void;
}

/** A command with its arguments. */
export type RedisCommand = readonly [name: string, ...args: (string | number | Buffer)[]];

const FIRST_RECONNECT_MS = 50;

/** How long a connection that is given up may take to end. */
const END_MS = 50;

/** After these a connection is of no use: what hangs in it would be carried out late, or the master is elsewhere by now. */
const RECONNECT: ReadonlySet<RedisCause> = new Set(['timeout', 'read_only', 'failover']);

/** Opens a connection. It returns at once; nothing is thrown when there is no Redis. */
export function openRedis(options: RedisConnectionOptions): RedisConnection {
  return new Connection(options);
}

class Connection implements RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #redis: Redis;
  /** Why there is no connection: it says more than the client's error for a command without one. */
  #last: RedisFailure | undefined;
  #isClosed = false;
  /** Whether the connection is being given up: it may still count as ready then. */
  #isEnding = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    const { target } = options;
    const Client = loadRedis();
    this.#redis = new Client(target.url, clientOptions(options));
    // Every command that waits for the connection listens for it; there are as many as creations under way.
    this.#redis.setMaxListeners(0);
    this.#redis.on('ready', () => {
      this.#last = undefined;
      this.#observe({ kind: 'ready', use: options.use });
      options.onReady?.();
    });
    this.#redis.on('error', (error) => this.#onFailure(this.#failureOf(error)));
    this.#redis.on('close', () => {
      this.#isEnding = false;
      if (this.#isClosed) return;
      this.#observe({ kind: 'lost', use: options.use });
      if (this.#last === undefined)
        this.#onFailure(new RedisFailure('closed', 'The connection to Redis was closed.'));
    });
  }

  async send(...command: RedisCommand): Promise<unknown> {
    return await this.#attempt(() => this.#call(command));
  }

  async sendBoth(one: RedisCommand, other: RedisCommand): Promise<readonly [unknown, unknown]> {
    return await this.#attempt(() => Promise.all([this.#call(one), this.#call(other)]));
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
  }

  async #attempt<T>(send: () => Promise<T>): Promise<T> {
    try {
      if (this.#options.waitsForConnection) await this.#connected();
      return await send();
    } catch (error) {
      const failure = this.#failureOf(error);
      this.#observe({ kind: 'failed', use: this.#options.use, cause: failure.reason, text: failure.message });
      if (RECONNECT.has(failure.reason)) this.#reconnect(failure);
      throw failure;
    }
  }

  #reconnect(why: RedisFailure): void {
    if (this.#isEnding || this.#redis.status !== 'ready') return;
    this.#isEnding = true;
    this.#last = why;
    this.#redis.disconnect(true);
  }

  #call([name, ...args]: RedisCommand): Promise<unknown> {
    return this.#redis.callBuffer(name, ...args);
  }

  async #connected(): Promise<void> {
    if (this.#redis.status === 'ready') return;
    const { commandTimeoutMs } = this.#options;
    const signal = AbortSignal.timeout(commandTimeoutMs);
    try {
      await once(this.#redis, 'ready', { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      throw (
        this.#last ?? new RedisFailure('timeout', `No connection to Redis within ${commandTimeoutMs} ms.`)
      );
    }
  }

  #failureOf(error: unknown): RedisFailure {
    if (error instanceof RedisFailure) return error;
    const cause = redisCause(error);
    if (cause === 'closed' && this.#last !== undefined) return this.#last;
    const { url, sentinelPassword } = this.#options.target;
    return new RedisFailure(cause, redisErrorText(error, url, sentinelPassword ? [sentinelPassword] : []));
  }

  #onFailure(failure: RedisFailure): void {
    if (this.#isClosed) return;
    this.#last = failure;
    this.#observe({ kind: 'failed', use: this.#options.use, cause: failure.reason, text: failure.message });
    this.#options.onFailure?.(failure);
  }

  #observe(event: RedisEvent): void {
    this.#options.target.observe?.(event);
  }
}

function clientOptions(options: RedisConnectionOptions): Omit<RedisOptions, 'replyMapping'> {
  const { target, connectTimeoutMs, commandTimeoutMs, maxReconnectMs = 1_000 } = options;
  const reconnectMs = (times: number): number =>
    Math.min(maxReconnectMs, FIRST_RECONNECT_MS * 2 ** Math.min(times, 16));
  return {
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // One that hangs does not end by itself.
    disconnectTimeout: END_MS,
    // What waited for a connection would be carried out when its caller has long been refused.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // It would hold back the commands of a Redis that is loading, without a word. With them, Redis says so itself.
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: reconnectMs,
    ...(target.url.startsWith('rediss:') && { tls: followingFiles(target.tls) }),
    ...(target.sentinels !== undefined && sentinelOptions(target, reconnectMs, connectTimeoutMs)),
  };
}

/** The client copies these members whenever it connects, so a renewed certificate is used from the next connection on. */
function followingFiles(tls: RedisTarget['tls']): NonNullable<RedisOptions['tls']> {
  const read = (name: 'ca' | 'cert' | 'key') => ({ enumerable: true, get: () => tls?.()[name] });
  const members = { ca: read('ca'), cert: read('cert'), key: read('key') };
  return Object.defineProperties({ minVersion: 'TLSv1.2' as const }, members);
}

type SentinelTimes = 'sentinelCommandTimeout' | 'sentinelRetryStrategy';
type SentinelSecrets = 'sentinelPassword' | 'enableTLSForSentinelMode' | 'sentinelTLS';

function sentinelOptions(
  { url, sentinels, sentinelPassword, tls }: RedisTarget,
  reconnectMs: (times: number) => number,
  timeoutMs: number,
): Pick<RedisOptions, 'sentinels' | 'name' | SentinelTimes | SentinelSecrets> {
  const hasTls = url.startsWith('rediss:');
  return {
    sentinels: (sentinels ?? []).map(({ host, port }) => ({ host, port })),
    name: decodeURIComponent(new URL(url).hostname),
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: reconnectMs,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(hasTls && { enableTLSForSentinelMode: true, sentinelTLS: followingFiles(tls) }),
  };
}

import type { Clock } from '../../base/clock.ts';
import { pause } from '../../base/wait.ts';
import type { VultrObserver } from '../observe.ts';
import { createLocalSource } from './local-source.ts';
import {
  type BudgetLimits,
  intervalOf,
  limitOf,
  type RedisOptions,
  type ResolvedRedis,
  shareOf,
} from './options.ts';
import {
  PERMIT_TOLERANCE_MS,
  type Permit,
  type PermitSource,
  type SourceKind,
  type SourceState,
} from './permit.ts';
import { RateFactor } from './rate-factor.ts';
import { type BucketReply, createRedisBucket, type RedisBucket } from './redis-bucket.ts';

/** The options of a shared source. */
export interface SharedSourceOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly observe: VultrObserver;
  readonly limits: BudgetLimits;
  readonly redis: RedisOptions;
  /** The address of the upstream; it names the budget when no key is given. */
  readonly baseUrl: string;
}

/** Opens the connection to Redis and creates the source. */
export function createSharedSource(options: SharedSourceOptions): PermitSource {
  return new SharedSource(options);
}

/**
 * Permits of the bucket in Redis, one at a time and only when somebody waits, so that no replica hoards any. While Redis is
 * gone, permits of a bucket of this process that holds the replica's share of the rate:
 *
 *   recovering ──(its time is over)──► redis
 *   recovering, redis ──(a command or the connection fails)──► degraded
 *   degraded ──(a probe succeeds)──► recovering
 *
 * The budget is kept at each change. The own bucket starts empty. When Redis is back, the replicas come back one after
 * the other, and those that are still on their own know nothing of the rest: so each takes no more than its share from
 * Redis, too, until all have had the time to come back. A replica that has just started does the same.
 */
class SharedSource implements PermitSource {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #observe: VultrObserver;
  readonly #limits: BudgetLimits;
  readonly #redis: ResolvedRedis;
  readonly #bucket: RedisBucket;
  readonly #closing = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #kind: SourceKind = 'recovering';
  #recoveredAtMs: number;
  #own: PermitSource;
  #factor: RateFactor;
  #connectionError: string | undefined;

  constructor({ clock, random, observe, limits, redis, baseUrl }: SharedSourceOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#observe = observe;
    this.#limits = limits;
    this.#redis = {
      commandTimeoutMs: 250,
      connectTimeoutMs: 1_000,
      probeIntervalMs: 1_000,
      ...redis,
    };
    this.#recoveredAtMs = clock.now() + this.#comebackMs();
    this.#factor = new RateFactor(1, clock.now());
    this.#own = this.#createOwn();
    const { connectTimeoutMs, commandTimeoutMs } = this.#redis;
    void pause(clock, connectTimeoutMs + commandTimeoutMs, this.#closing.signal).then(() =>
      this.#started.resolve(),
    );
    this.#bucket = createRedisBucket({
      redis: this.#redis,
      baseUrl,
      intervalMs: intervalOf(limits),
      limit: limitOf(limits),
      burst: limits.burst,
      onReady: () => {
        this.#connectionError = undefined;
        this.#started.resolve();
      },
      onError: (text) => {
        this.#connectionError = text;
        this.#degrade(text);
        this.#started.resolve();
      },
    });
  }

  async reserve(): Promise<Permit> {
    await this.#started.promise;
    this.#settle();
    if (this.#kind === 'degraded') return this.#own.reserve();
    const own = this.#kind === 'recovering' ? await this.#own.reserve() : undefined;
    // Only then the one of Redis: it would be old by the time that this replica's share allows to use it.
    if (own !== undefined) {
      await pause(this.#clock, Math.max(0, own.atMs - this.#clock.now()), this.#closing.signal);
    }
    try {
      const { waitMs } = this.#note(await this.#bucket.reserve());
      const atMs = this.#clock.now() + waitMs;
      return {
        atMs,
        use: (nowMs) => nowMs <= atMs + PERMIT_TOLERANCE_MS && (own === undefined || own.use(nowMs)),
      };
    } catch (error) {
      this.#degrade(error);
      return this.#own.reserve();
    }
  }

  async slowDown(): Promise<void> {
    await this.#own.slowDown();
    await this.#tell(() => this.#bucket.cut());
  }

  async hold(heldMs: number): Promise<void> {
    await this.#own.hold(heldMs);
    await this.#tell(() => this.#bucket.hold(heldMs));
  }

  msFor(permits: number): number {
    this.#settle();
    if (this.#kind === 'degraded') return this.#own.msFor(permits);
    const nowMs = this.#clock.now();
    const fullMs = this.#factor.msFor(permits * intervalOf(this.#limits), nowMs);
    if (this.#kind === 'redis') return fullMs;
    // The share is all there is until the recovery is over; from then on there may be the whole rate.
    const shareMs = this.#own.msFor(permits);
    const leftMs = Math.max(0, this.#recoveredAtMs - nowMs);
    return shareMs <= leftMs ? shareMs : Math.max(fullMs, leftMs + fullMs * (1 - leftMs / shareMs));
  }

  state(): SourceState {
    this.#settle();
    if (this.#kind !== 'redis') return { ...this.#own.state(), kind: this.#kind };
    const rateFactor = this.#factor.at(this.#clock.now());
    return { kind: this.#kind, rateFactor, intervalMs: intervalOf(this.#limits) / rateFactor };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#bucket.close();
    this.#started.resolve();
  }

  async #tell(command: () => Promise<BucketReply>): Promise<void> {
    if (this.#kind === 'degraded') return;
    try {
      this.#note(await command());
    } catch (error) {
      this.#degrade(error);
    }
  }

  /** How long it takes at the most, after Redis is back, until every replica has found it. */
  #comebackMs(): number {
    const { connectTimeoutMs, commandTimeoutMs, probeIntervalMs } = this.#redis;
    return 2 * probeIntervalMs + connectTimeoutMs + 2 * commandTimeoutMs;
  }

  #enter(kind: SourceKind, error?: string): void {
    this.#kind = kind;
    this.#observe({ kind: 'source', state: kind, ...(error === undefined ? {} : { error }) });
  }

  #settle(): void {
    if (this.#kind === 'recovering' && this.#clock.now() >= this.#recoveredAtMs) this.#enter('redis');
  }

  #degrade(cause: unknown): void {
    if (this.#kind === 'degraded' || this.#closing.signal.aborted) return;
    this.#own = this.#createOwn();
    this.#enter(
      'degraded',
      this.#connectionError ?? (cause instanceof Error ? cause.message : String(cause)),
    );
    void this.#probe();
  }

  /** Looks for Redis until it is found. */
  async #probe(): Promise<void> {
    while (this.#kind === 'degraded') {
      // Not all replicas at the same moment.
      const waitMs = this.#redis.probeIntervalMs * (0.5 + this.#random() / 2);
      await pause(this.#clock, waitMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        this.#note(await this.#bucket.reserve());
        this.#recoveredAtMs = this.#clock.now() + this.#comebackMs();
        this.#enter('recovering');
      } catch {
        // Still gone, which was told when it went.
      }
    }
  }

  #note(reply: BucketReply): BucketReply {
    this.#factor = new RateFactor(reply.cutFactor, this.#clock.now() - reply.cutAgoMs);
    return reply;
  }

  /** This replica's share, empty at first and out of step with the others. */
  #createOwn(): PermitSource {
    const share = shareOf(this.#limits);
    const nowMs = this.#clock.now();
    return createLocalSource({
      clock: this.#clock,
      ...share,
      // What one replica makes up for, it would send on top of what the others send by chance.
      burst: this.#limits.replicas === 1 ? this.#limits.burst : 1,
      startAtMs: nowMs + share.intervalMs * (1 + this.#random()),
      rateFactor: this.#factor.at(nowMs),
    });
  }
}

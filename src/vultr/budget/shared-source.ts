import type { Clock } from '../../base/clock.ts';
import type { VultrObserver } from '../observe.ts';
import { createLocalSource } from './local-source.ts';
import { type BudgetLimits, intervalOf, limitOf, type RedisOptions, shareOf } from './options.ts';
import { RateFactor } from './rate-factor.ts';
import { type BucketAnswer, createRedisBucket, type RedisBucket } from './redis-bucket.ts';
import { SLOT_TOLERANCE_MS, type Slot, type SlotSource, type SourceKind, type SourceState } from './slot.ts';

/** What a shared source is made of. */
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
export function createSharedSource(options: SharedSourceOptions): SlotSource {
  return new SharedSource(options);
}

/**
 * Slots of the bucket in Redis, one at a time and only when somebody waits, so that no replica hoards any. While Redis is
 * gone, slots of a bucket of this process that holds the replica's share of the rate:
 *
 *   recovering ──(its time is over)──► redis
 *   recovering, redis ──(a command or the connection fails)──► degraded
 *   degraded ──(a probe succeeds)──► recovering
 *
 * The budget is kept at each change. The own bucket starts empty. When Redis is back, the replicas come back one after
 * the other, and those that are still on their own know nothing of the rest: so each takes no more than its share from
 * Redis, too, until all have had the time to come back. A replica that has just started does the same.
 */
class SharedSource implements SlotSource {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #observe: VultrObserver;
  readonly #limits: BudgetLimits;
  readonly #redis: Required<RedisOptions>;
  readonly #bucket: RedisBucket;
  readonly #closing = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #kind: SourceKind = 'recovering';
  #recoveredAtMs: number;
  #own: SlotSource;
  #factor: RateFactor;
  #connectionError: Error | undefined;

  constructor({ clock, random, observe, limits, redis, baseUrl }: SharedSourceOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#observe = observe;
    this.#limits = limits;
    this.#redis = {
      key: `vultr-grpc:budget:${baseUrl}`,
      commandTimeoutMs: 250,
      connectTimeoutMs: 1_000,
      probeIntervalMs: 1_000,
      ...redis,
    };
    this.#recoveredAtMs = clock.now() + this.#comebackMs();
    this.#factor = new RateFactor(1, clock.now());
    this.#own = this.#createOwn();
    const { connectTimeoutMs, commandTimeoutMs } = this.#redis;
    void this.#pause(connectTimeoutMs + commandTimeoutMs).then(() => this.#started.resolve());
    this.#bucket = createRedisBucket({
      redis: this.#redis,
      intervalMs: intervalOf(limits),
      limit: limitOf(limits),
      burst: limits.burst,
      onReady: () => {
        this.#connectionError = undefined;
        this.#started.resolve();
      },
      onError: (error) => {
        this.#connectionError = error;
        this.#degrade(error);
        this.#started.resolve();
      },
    });
  }

  async reserve(): Promise<Slot> {
    await this.#started.promise;
    this.#settle();
    if (this.#kind === 'degraded') return this.#own.reserve();
    const own = this.#kind === 'recovering' ? await this.#own.reserve() : undefined;
    // Only then the one of Redis: it would be old by the time that this replica's share allows to use it.
    if (own !== undefined) await this.#pause(Math.max(0, own.atMs - this.#clock.now()));
    try {
      const { waitMs } = this.#note(await this.#bucket.reserve());
      const atMs = this.#clock.now() + waitMs;
      return {
        atMs,
        use: (nowMs) => nowMs <= atMs + SLOT_TOLERANCE_MS && (own === undefined || own.use(nowMs)),
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

  async #tell(command: () => Promise<BucketAnswer>): Promise<void> {
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
    const error = this.#connectionError ?? cause;
    this.#own = this.#createOwn();
    this.#enter('degraded', error instanceof Error ? error.message : String(error));
    void this.#probe();
  }

  /** Looks for Redis until it is found. */
  async #probe(): Promise<void> {
    while (this.#kind === 'degraded') {
      // Not all replicas at the same moment.
      await this.#pause(this.#redis.probeIntervalMs * (0.5 + this.#random() / 2));
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

  #note(answer: BucketAnswer): BucketAnswer {
    this.#factor = new RateFactor(answer.rateFactor, this.#clock.now());
    return answer;
  }

  /** This replica's share, empty at first and out of step with the others. */
  #createOwn(): SlotSource {
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

  /** Resolves early when the source is closed. */
  async #pause(ms: number): Promise<void> {
    try {
      await this.#clock.sleep(ms, this.#closing.signal);
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    }
  }
}

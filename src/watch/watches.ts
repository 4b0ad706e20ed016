import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import { inOwnTraces } from '../telemetry/trace.ts';
import { callerKey, credentialKey } from '../vultr/credential-key.ts';
import { affectedBy } from './affected-paths.ts';
import { Feed, type Watcher } from './feed.ts';
import { ListScouts } from './list-scout.ts';
import {
  DEFAULT_WATCH_LIMITS,
  ownerOf,
  type WatchesOptions,
  type WatchLimits,
  type WatchTarget,
} from './options.ts';
import { PollPace } from './poll-pace.ts';
import { createRecentCreations } from './recent-creations.ts';

/** A watcher's place at a feed. */
export interface Seat {
  readonly feed: Feed;
  /** The poll whose result it may take for the current state. */
  readonly poll: number;
  leave(): void;
}

/** A change that was made through this service. */
export interface NotedChange {
  readonly credential: string | undefined;
  /** The method and path of the request. */
  readonly method: string;
  readonly path: string;
  readonly created?: string | undefined;
  readonly isDestroyed?: boolean;
}

/**
 * All watches of this process. Each thing has one feed per credential, shared by all watchers: whoever may read it sees the same
 * of it. Whether a caller may is judged before it joins; the bounds are those of each caller.
 */
export class Watches {
  readonly limits: WatchLimits;
  readonly #options: WatchesOptions;
  readonly #feeds = new Map<string, Feed>();
  /** Feeds without watchers and the times of their last one, the longest idle first. */
  readonly #idle = new Map<string, number>();
  readonly #perCaller = new Map<string, number>();
  readonly #keptBytes = { total: 0 };
  readonly #pace: PollPace;
  readonly #recent;
  readonly #scouts: ListScouts;
  #count = 0;

  constructor(options: WatchesOptions) {
    this.#options = options;
    this.limits = { ...DEFAULT_WATCH_LIMITS, ...options.limits };
    this.#pace = new PollPace(options.clock, options.pollsPerSecond);
    this.#recent = createRecentCreations(options.clock.now);
    this.#scouts = new ListScouts({ ...options, limits: this.limits, pace: this.#pace });
  }

  /** The number of watchers and of watched things, and the size of all kept states. */
  get state(): { readonly watches: number; readonly things: number; readonly keptBytes: number } {
    const things = this.#feeds.size - this.#idle.size;
    return { watches: this.#count, things, keptBytes: this.#keptBytes.total };
  }

  /**
   * Begins a watch.
   * @param lastFeed the feed that the caller wants to resume, if it still exists
   * @throws CallError RESOURCE_EXHAUSTED when there are too many watches
   */
  join(target: WatchTarget, watcher: Watcher): Seat {
    const caller = callerKey(target);
    const ofCaller = this.#perCaller.get(caller) ?? 0;
    if (ofCaller >= this.limits.maxPerCaller) throw tooMany(`This caller has ${ofCaller} watches`);
    if (this.#count >= this.limits.maxWatches) throw tooMany(`The service has ${this.#count} watches`);
    const key = keyOf(target);
    const feed = this.#feedFor(key, target);
    this.#count += 1;
    this.#perCaller.set(caller, ofCaller + 1);
    // What is polled for all of its watchers is no part of the call of the one who happens to be the first.
    const poll = inOwnTraces(() => {
      const joined = feed.join(watcher, caller, ownerOf(target));
      this.#scouts.join(feed);
      return joined;
    });
    let hasLeft = false;
    return {
      feed,
      poll,
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        this.#count -= 1;
        const left = (this.#perCaller.get(caller) ?? 1) - 1;
        if (left === 0) this.#perCaller.delete(caller);
        else this.#perCaller.set(caller, left);
        feed.leave(watcher);
        // The feed has ended, and this was the last watcher that had not received everything.
        if (feed.watchers === 0 && this.#feeds.get(key) !== feed) feed.states.clear();
      },
    };
  }

  /** Takes note of a change through this service: the feeds that it may affect poll again soon. */
  noteChange({ credential, method, path, created, isDestroyed = false }: NotedChange): void {
    const changed = path.toLowerCase();
    this.#recent.add(created?.toLowerCase());
    if (isDestroyed) for (const segment of changed.split('/')) this.#recent.forget(segment);
    if (this.#feeds.size === 0) return;
    // Every caller with the same account sees the change.
    const account = credentialKey({ credential });
    const isAffected = affectedBy(this.#options.resolve(method, path), changed);
    for (const feed of this.#feeds.values()) {
      const { target } = feed;
      if (isAffected(target.request.path.toLowerCase()) && credentialKey(target) === account)
        feed.noteChange();
    }
  }

  #feedFor(key: string, target: WatchTarget): Feed {
    const known = this.#feeds.get(key);
    this.#idle.delete(key);
    if (known !== undefined) return known;
    const { vultr, clock, ease = () => 1 } = this.#options;
    const segments = target.request.path.toLowerCase().split('/');
    const feed: Feed = new Feed({
      target,
      vultr,
      clock,
      limits: this.limits,
      pace: this.#pace,
      keptBytes: this.#keptBytes,
      ease,
      mayNotBeKnownYet: () => segments.some((segment) => this.#recent.has(segment)),
      onOver: () => this.#noteOver(key, feed),
    });
    this.#feeds.set(key, feed);
    return feed;
  }

  /** Forgets a feed that has ended, and keeps one without watchers for a while, for callers who come back. */
  #noteOver(key: string, feed: Feed): void {
    if (this.#feeds.get(key) !== feed) return;
    this.#scouts.leave(feed);
    if (feed.end !== undefined || feed.states.newest === undefined) this.#feeds.delete(key);
    else this.#idle.set(key, this.#options.clock.now());
    this.#forgetIdle();
  }

  /** Drops feeds that have been idle for too long, that are too many, or whose memory others need. */
  #forgetIdle(): void {
    const { maxIdleThings, idleMs, maxBytes } = this.limits;
    const oldestMs = this.#options.clock.now() - idleMs;
    for (const [idleKey, sinceMs] of this.#idle) {
      const isFull = this.#idle.size > maxIdleThings || this.#keptBytes.total > maxBytes;
      if (!isFull && sinceMs >= oldestMs) break;
      this.#idle.delete(idleKey);
      this.#feeds.get(idleKey)?.states.clear();
      this.#feeds.delete(idleKey);
    }
  }
}

/** Identifies what is read and with which credential. Vultr ignores the case of ids. */
function keyOf(target: WatchTarget): string {
  const { method, path, query } = target.request;
  return [credentialKey(target), method, path.toLowerCase(), query].join(' ');
}

function tooMany(what: string): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    'TOO_MANY_WATCHES',
    `${what}, which is as many as it may have. End one, or try again later.`,
    { retryDelayMs: spreadRetry(10_000, Math.random), reached: 'no' },
  );
}

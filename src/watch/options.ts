import type { Clock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../vultr/vultr.ts';

/** On whose behalf something is watched. */
export type WatchOwner = Pick<CallOptions, 'credential' | 'renewCredential' | 'caller'>;

/** The owner, from a call that has further members. */
export function ownerOf({ credential, renewCredential, caller }: WatchOwner): WatchOwner {
  return { credential, renewCredential, caller };
}

/** The object of a watch: a read of Vultr's, on behalf of a caller. */
export interface WatchTarget extends WatchOwner {
  readonly operation: Operation;
  readonly request: UpstreamRequest;
}

/** The bounds of watching. */
export interface WatchLimits {
  /** The time between two polls of a thing that has just changed; others follow from it. */
  readonly intervalMs: number;
  /** How many watches one caller may have at a time. */
  readonly maxPerCaller: number;
  /** How many watches there may be at a time. */
  readonly maxWatches: number;
  /** How many states of one thing are kept for callers who are slow or come back. */
  readonly maxStates: number;
  /** The bytes that they may hold; the newest is kept whatever its size. */
  readonly maxStateBytes: number;
  /** The bytes that the states of all things may hold; beyond that, only the newest of each is kept. */
  readonly maxBytes: number;
  /** How many things without watchers have their states kept, and for how long. */
  readonly maxIdleThings: number;
  readonly idleMs: number;
  /** How long Vultr may fail before a watch ends with the failure. */
  readonly outageMs: number;
}

/** The default bounds. */
export const DEFAULT_WATCH_LIMITS: WatchLimits = {
  intervalMs: 2_000,
  maxPerCaller: 2_000,
  maxWatches: 10_000,
  maxStates: 64,
  maxStateBytes: 512 * 1024,
  maxBytes: 128 * 1024 * 1024,
  maxIdleThings: 200,
  idleMs: 300_000,
  outageMs: 300_000,
};

/** The options of the watches. */
export interface WatchesOptions {
  readonly vultr: Vultr;
  readonly clock: Clock;
  /** Names the operation that a request is for. */
  readonly resolve: (method: string, path: string) => Operation;
  readonly limits?: Partial<WatchLimits>;
  /** How many polls a second all watches may make together; undefined: any number. */
  readonly pollsPerSecond?: number | undefined;
  /** The share of the request budget that is available: 1 for the whole rate, 0.5 when others wait for it. Default: 1. */
  readonly ease?: () => number;
}

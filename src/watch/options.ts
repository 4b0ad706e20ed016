import type { Clock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import type { CallOptions, UpstreamRequest, Vultr } from '../vultr/vultr.ts';

/** On whose behalf something is watched. */
export type WatchOwner = Pick<CallOptions, 'credential' | 'renewCredential' | 'caller'>;

/** Those members alone, of a call that has more. */
export function ownerOf({ credential, renewCredential, caller }: WatchOwner): WatchOwner {
  return { credential, renewCredential, caller };
}

/** What is watched: a read of Vultr's, on behalf of a caller. */
export interface WatchTarget extends WatchOwner {
  readonly operation: Operation;
  readonly request: UpstreamRequest;
}

/** The bounds of watching. */
export interface WatchLimits {
  /** The time between two polls of a thing that has just changed; others follow from it. */
  readonly intervalMs: number;
  /** Watches that one caller may have at a time. */
  readonly maxPerCaller: number;
  /** Watches that there may be at a time. */
  readonly maxWatches: number;
  /** States of one thing that are kept for callers who are slow or come back. */
  readonly maxStates: number;
  /** How much they may hold; the newest is kept whatever its size. */
  readonly maxStateBytes: number;
  /** How much the states of all things may hold; beyond it only the newest of each is kept. */
  readonly maxBytes: number;
  /** Things that nobody watches any more and whose states are kept, and for how long. */
  readonly maxIdleThings: number;
  readonly idleMs: number;
  /** How long Vultr may fail before a watch ends with the failure. */
  readonly outageMs: number;
}

/** The bounds unless the settings say otherwise. */
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

/** What the watches stand on. */
export interface WatchesOptions {
  readonly vultr: Vultr;
  readonly clock: Clock;
  /** Names the operation that a request is for. */
  readonly resolve: (method: string, path: string) => Operation;
  readonly limits?: Partial<WatchLimits>;
  /** The polls a second that all watches may use together; undefined: as many as they like. */
  readonly pollsPerSecond?: number | undefined;
  /** How the request budget is doing, from 1, the whole rate, down; 0.5 when others wait for it. Default: it is free. */
  readonly ease?: () => number;
}

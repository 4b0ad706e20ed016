/**
 * Vultr counts requests in any second; this service counts them in any period of this length. The difference absorbs the
 * jitter of the network: requests that were sent in a longer time must not arrive in a shorter one. At the default reserve,
 * 30 evenly spaced requests take 1111 ms; what lies between is the room for making up for missed ones.
 */
export const WINDOW_MS = 1_080;

/** The least time between two permits, as a part of the mean time: how fast missed permits are made up for. */
export const LEAST_GAP = 0.25;

/** How much later than its time a permit of Redis may be used, at the expense of the jitter. */
export const PERMIT_TOLERANCE_MS = 20;

/** The right to send one request. */
export interface Permit {
  /** When it may be used, in milliseconds since the epoch. */
  readonly atMs: number;
  /** Uses it, once, at `nowMs`, right before the request is sent; false: it is not valid yet, or no longer. */
  use(nowMs: number): boolean;
}

/**
 * Where permits come from. `local`: this process. `redis`: shared by all replicas. `degraded`: Redis is gone, and this
 * process goes on with its share. `recovering`: Redis is back, and its permits are still taken at the rate of the share,
 * until every replica has had the time to come back, too.
 */
export type SourceKind = 'local' | 'redis' | 'degraded' | 'recovering';

/** What a source is doing. */
export interface SourceState {
  readonly kind: SourceKind;
  /** From 1, the whole rate, down; less after a 429. */
  readonly rateFactor: number;
  /** The mean time between two permits when they come as fast as they can. */
  readonly intervalMs: number;
}

/** Hands out permits, one after the other. */
export interface PermitSource {
  /** The next permit, at once where nobody else has to be asked. Never rejects. */
  reserve(): Permit | Promise<Permit>;
  /** Halves the rate for a while: Vultr answered 429. Never rejects. */
  slowDown(): Promise<void>;
  /** Counts the permits of the last `heldMs` as if they were used now: their requests arrived in a burst. Never rejects. */
  hold(heldMs: number): Promise<void>;
  /**
   * How long this many permits take when only the source limits them; a rate that is still recovering is taken into account.
   */
  msFor(permits: number): number;
  state(): SourceState;
  close(): Promise<void>;
}

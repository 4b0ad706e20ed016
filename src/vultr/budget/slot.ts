/**
 * Vultr counts in any second; this service counts in any time so long. The rest is for the jitter of the network: requests
 * that were sent in a longer time must not arrive in a shorter one. At the default reserve, 30 requests take 1111 ms when
 * they are evenly spaced; what lies between is the room to make up for what was missed.
 */
export const WINDOW_MS = 1_080;

/** The least time between two slots, as a part of the mean time: how fast tokens are made up for. */
export const LEAST_GAP = 0.25;

/** How much later than its time a slot of Redis may be used, at the expense of the jitter. */
export const SLOT_TOLERANCE_MS = 20;

/** The right to send one request. */
export interface Slot {
  /** When it may be used, in milliseconds since the epoch. */
  readonly atMs: number;
  /** Uses it, once, at `nowMs`, right before the request is sent; false: it is not, or no longer, good. */
  use(nowMs: number): boolean;
}

/**
 * Where slots come from. `local`: this process. `redis`: shared by all replicas. `degraded`: Redis is gone, and this
 * process goes on with its share. `recovering`: Redis is back, and its slots are still taken at the rate of the share,
 * until every replica has had the time to come back, too.
 */
export type SourceKind = 'local' | 'redis' | 'degraded' | 'recovering';

/** What a source is doing. */
export interface SourceState {
  readonly kind: SourceKind;
  /** From 1, the whole rate, down; less after a 429. */
  readonly rateFactor: number;
  /** The mean time between two slots when they come as fast as they can. */
  readonly intervalMs: number;
}

/** Hands out slots, one after the other. */
export interface SlotSource {
  /** The next slot. Never rejects. */
  reserve(): Promise<Slot>;
  /** Halves the rate for a while: Vultr answered 429. Never rejects. */
  slowDown(): Promise<void>;
  /** Counts the slots of the last `heldMs` as if they were used now: their requests arrived in a heap. Never rejects. */
  hold(heldMs: number): Promise<void>;
  state(): SourceState;
  close(): Promise<void>;
}

/**
 * How much later than its time a slot may be used, in milliseconds: what a busy event loop needs to lose none, and short
 * enough that what is left of the reserve covers the jitter of the network.
 */
export const SLOT_TOLERANCE_MS = 40;

/** The right to send one request, from `atMs` until `goodUntilMs`, in milliseconds since the epoch. */
export interface Slot {
  readonly atMs: number;
  readonly goodUntilMs: number;
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
  /** The time between two slots when they come as fast as they can. */
  readonly intervalMs: number;
}

/** Hands out slots, one after the other. */
export interface SlotSource {
  /** The next slot. It is lost when it is not used in time. Never rejects. */
  reserve(): Promise<Slot>;
  /** Halves the rate for a while: Vultr answered 429. Never rejects. */
  slowDown(): Promise<void>;
  state(): SourceState;
  close(): Promise<void>;
}

/** How long things may take, in milliseconds, and how many there may be. */
export interface OncePolicy {
  /** The longest that a request to create may be under way. Default 60 000. */
  readonly postTimeoutMs: number;
  /** How long to look for a resource after an ambiguous outcome. Default 10 000. */
  readonly findMs: number;
  /** The pause between two polls, of Vultr's list or of a record that another process works on. Default 1 000. */
  readonly pollMs: number;
  /**
   * How long after the last moment at which a request may have been under way Vultr's lists are complete: what they do not
   * hold then was not made. Vultr says nothing about it; tens of seconds were seen. Default 120 000.
   */
  readonly settleMs: number;
  /** How often an owner's lease is renewed. Default 1 500, of 5 000 that a lease lasts. */
  readonly renewMs: number;
  /** How long before its deadline a caller is told that the outcome is not known. Default 200. */
  readonly marginMs: number;
  /** How many creations may be under way, including those whose callers have left. Default 2 000. */
  readonly maxUnderWay: number;
}

/** The defaults. */
export const DEFAULT_POLICY: OncePolicy = {
  postTimeoutMs: 60_000,
  findMs: 10_000,
  pollMs: 1_000,
  settleMs: 120_000,
  renewMs: 1_500,
  marginMs: 200,
  maxUnderWay: 2_000,
};

import { resolvePositive } from '../base/limits.ts';

/** What bounds the connections to Vultr. */
export interface TransportLimits {
  /** Connections at the same time; further requests wait for one. Default 64. */
  readonly maxConnections: number;
  /** Until a connection is made, TLS included. Default 10 000. */
  readonly connectTimeoutMs: number;
  /** From the request until the head of the response. Default 60 000. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of a body. Default 30 000. */
  readonly bodyTimeoutMs: number;
  /** The largest body of a response. Default 32 MB. */
  readonly maxResponseBytes: number;
  /** The bytes of all bodies that are being read; one more may stand out over it. Default 128 MB. */
  readonly maxReadingBytes: number;
  /** How long an unused connection stays open. Default 4000: shorter than any proxy's, so that ours is the side that
   * closes and no request meets a connection that is just going away. */
  readonly keepAliveMs: number;
  /** How long close() lets running requests go on. Default 5000. */
  readonly closeTimeoutMs: number;
}

const DEFAULT_LIMITS: TransportLimits = {
  maxConnections: 64,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  bodyTimeoutMs: 30_000,
  maxResponseBytes: 32 * 1024 * 1024,
  maxReadingBytes: 128 * 1024 * 1024,
  keepAliveMs: 4_000,
  closeTimeoutMs: 5_000,
};

/**
 * The limits with their defaults filled in.
 * @throws TypeError when one is not a positive integer
 */
export function resolveLimits(given: Partial<TransportLimits>): TransportLimits {
  return resolvePositive('limits', DEFAULT_LIMITS, given);
}

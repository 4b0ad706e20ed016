import { resolvePositive } from '../base/limits.ts';

const MIB = 1024 * 1024;

/**
 * The bounds of the gRPC side: a number, bytes and a time for everything that a caller can pile up, for one connection and
 * for all of them. Metadata is bounded by Node itself: 128 pairs, 64 KB.
 */
export interface GrpcLimits {
  /** The largest message that is read, compressed or not. */
  readonly maxMessageBytes: number;
  /** The most calls at a time on one connection; a client that keeps to HTTP/2 queues the rest itself. */
  readonly maxConcurrentStreams: number;
  /** The most calls at a time on all connections. */
  readonly maxCalls: number;
  /** The most watches of the health at a time on one connection. */
  readonly maxHealthWatchesPerConnection: number;
  /** The most watches of the health at a time on all connections. */
  readonly maxHealthWatches: number;
  /** The most conversations with the reflection service, whose replies are large, at a time on one connection. */
  readonly maxReflectionsPerConnection: number;
  /** The most of them at a time on all connections. */
  readonly maxReflections: number;
  /** How long a whole request may take to arrive. */
  readonly requestTimeoutMs: number;
  /** The most bytes of requests, arriving or being served, that one connection may hold. */
  readonly maxRequestBytesPerConnection: number;
  /** The same for all connections. */
  readonly maxRequestBytes: number;
  /** How long a caller may leave a message of a reply unread. */
  readonly replyTimeoutMs: number;
  /** The most bytes of replies that one connection may leave unread. */
  readonly maxReplyBytesPerConnection: number;
  /** The same for all connections. */
  readonly maxReplyBytes: number;
  /** The most bytes of replies that wait until others are read. A reply beyond it is given up. */
  readonly maxWaitingReplyBytes: number;
  /** The most connections at a time. Over it the one that has been idle longest is closed. */
  readonly maxConnections: number;
  /** The most connections beyond that, when none is idle. They can ask for the health of the service, and nothing else. */
  readonly maxSpareConnections: number;
  /** How long a connection without a call is kept. */
  readonly connectionIdleMs: number;
  /** How often a client may cancel calls on one connection at once, before the connection is closed (rapid reset). */
  readonly cancelBurst: number;
  /** How many more of those are allowed each second. */
  readonly cancelsPerSecond: number;
}

/** The bounds unless a caller of startGrpcServer says otherwise. */
export const DEFAULT_GRPC_LIMITS: GrpcLimits = {
  maxMessageBytes: 4 * MIB,
  maxConcurrentStreams: 1_000,
  maxCalls: 3_000,
  maxHealthWatchesPerConnection: 100,
  maxHealthWatches: 1_000,
  maxReflectionsPerConnection: 20,
  maxReflections: 100,
  requestTimeoutMs: 30_000,
  maxRequestBytesPerConnection: 16 * MIB,
  maxRequestBytes: 64 * MIB,
  replyTimeoutMs: 30_000,
  maxReplyBytesPerConnection: 32 * MIB,
  maxReplyBytes: 64 * MIB,
  maxWaitingReplyBytes: 64 * MIB,
  maxConnections: 1_000,
  maxSpareConnections: 100,
  connectionIdleMs: 300_000,
  cancelBurst: 10_000,
  cancelsPerSecond: 2_000,
};

/**
 * The bounds, those that are given before the default ones.
 * @throws TypeError when one is not a positive integer
 */
export function resolveGrpcLimits(given: Partial<GrpcLimits> = {}): GrpcLimits {
  return resolvePositive('GrpcLimits', DEFAULT_GRPC_LIMITS, given);
}

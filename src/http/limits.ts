/** The bounds of the HTTP side. */
export interface HttpLimits {
  /** The largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** The largest request line with all headers, in bytes. */
  readonly maxHeaderBytes: number;
  /** How long a whole request, body included, may take to arrive. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long a caller may leave an answer unread before its connection is closed. */
  readonly writeTimeoutMs: number;
  /** The most connections at a time. */
  readonly maxConnections: number;
  /** How often a stream of server-sent events without news carries a comment, so that proxies keep it open. */
  readonly heartbeatMs: number;
}

/** The bounds unless the configuration says otherwise. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  writeTimeoutMs: 30_000,
  maxConnections: 1_000,
  heartbeatMs: 15_000,
};

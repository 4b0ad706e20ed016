/** The longest wait that is taken from a Retry-After header. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads a Retry-After header (RFC 9110, section 10.2.3): seconds, or a date.
 * @param nowMs milliseconds since the epoch
 * @returns milliseconds from now, an hour at most; undefined when there is none or it cannot be read
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

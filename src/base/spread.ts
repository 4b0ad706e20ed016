/** The shortest time over which those who are refused together are spread: a rate of 30 a second takes that many in it. */
const LEAST_SPREAD_MS = 1_000;

/**
 * When to ask again, for one of many who are refused at once: never earlier than asked, and up to twice as late, so that
 * they do not come back together. Whole milliseconds, if it was asked for them.
 * @param retryMs the earliest time that makes sense, in milliseconds from now
 * @param random a number from 0 up to 1
 */
export function spreadRetry(retryMs: number, random: () => number): number {
  return retryMs + Math.ceil(random() * Math.max(retryMs, LEAST_SPREAD_MS));
}

/**
 * The age at which something ends, for one of many that began together: up to a tenth more or less than asked for. Whole
 * milliseconds.
 * @param ageMs in milliseconds
 * @param random a number from 0 up to 1
 */
export function jitterAge(ageMs: number, random: () => number): number {
  return Math.round(ageMs * (0.9 + 0.2 * random()));
}

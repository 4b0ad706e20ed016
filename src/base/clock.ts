import { setTimeout as delay } from 'node:timers/promises';

/** Time, as the service needs it; passed in, so that a test can hold it. */
export interface Clock {
  /** Milliseconds since the epoch, which only ever grow. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects at once when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const STARTED_AT = performance.timeOrigin;

/**
 * The time of this process: the wall clock's when it started, and from then on a monotonic clock's. A step of the wall clock
 * changes no deadline, age or wait.
 */
export const systemClock: Clock = {
  now: () => STARTED_AT + performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

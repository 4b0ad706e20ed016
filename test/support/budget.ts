export { ManualClock, settle } from './clock.ts';

/** The most of the times (in milliseconds, ascending) within any window of a second, half open. */
export function mostInOneSecond(times: readonly number[]): number {
  let start = 0;
  let most = 0;
  for (const [end, time] of times.entries()) {
    while ((times[start] ?? time) <= time - 1_000) start += 1;
    most = Math.max(most, end - start + 1);
  }
  return most;
}

import type { Clock } from '../base/clock.ts';
import type { BootClock } from './boot-clock.ts';

/** How many first sightings are kept. The oldest are forgotten first, which only makes the wait longer. */
const MAX_SIGHTINGS = 10_000;

/**
 * Writes moments so that another process can read them, and no step of a wall clock moves them. A moment that was written
 * since the machine was started is exact. One that was written before that, or by another machine, does not say how long
 * ago it was: it is taken to lie as far ahead as it may have done when it was written, counted from when this process saw
 * it first.
 */
export interface Moments {
  /** Writes a moment of this process's clock. */
  write(atMs: number): string;
  /**
   * Reads one as a time of this process's clock.
   * @param key names the record that it stands in
   * @param maxAheadMs how far ahead it may have been when it was written
   */
  read(text: string, key: string, maxAheadMs: number): number;
}

/** Makes them from these clocks. */
export function createMoments(clock: Pick<Clock, 'now'>, boot: BootClock): Moments {
  const firstSeen = new Map<string, number>();

  function firstSeenAt(sighting: string): number {
    const known = firstSeen.get(sighting);
    if (known !== undefined) return known;
    for (const [oldest] of firstSeen) {
      if (firstSeen.size < MAX_SIGHTINGS) break;
      firstSeen.delete(oldest);
    }
    const now = clock.now();
    firstSeen.set(sighting, now);
    return now;
  }

  return {
    write: (atMs) => `${boot.bootId} ${Math.ceil(boot.uptimeMs() + atMs - clock.now())}`,
    read: (text, key, maxAheadMs) => {
      const [bootId, uptimeMs] = text.split(' ');
      const aheadMs = Number(uptimeMs) - boot.uptimeMs();
      // What lies further ahead than it can was not written by this clock, whatever its boot id says.
      const isExact = bootId === boot.bootId && aheadMs <= maxAheadMs + 1;
      return isExact ? clock.now() + aheadMs : firstSeenAt(`${key} ${text}`) + maxAheadMs;
    },
  };
}

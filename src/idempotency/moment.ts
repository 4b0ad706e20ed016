import type { BootClock, Clock } from '../base/clock.ts';

/** The most first sights that are kept; the oldest are forgotten first, which only makes the wait longer. */
const MAX_SIGHTS = 10_000;

/**
 * Writes moments so that another process can read them, and no step of a wall clock moves them. A moment of this run of the
 * machine is exact. One of another run, or of another machine, says nothing about how long ago it was: it is then taken
 * to lie as far ahead as it may have done when it was written, counted from when this process first saw it.
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

/** Makes them on these clocks. */
export function createMoments(clock: Pick<Clock, 'now'>, boot: BootClock): Moments {
  const firstSeen = new Map<string, number>();

  function seenAt(key: string): number {
    const known = firstSeen.get(key);
    if (known !== undefined) return known;
    for (const [oldest] of firstSeen) {
      if (firstSeen.size < MAX_SIGHTS) break;
      firstSeen.delete(oldest);
    }
    firstSeen.set(key, clock.now());
    return clock.now();
  }

  return {
    write: (atMs) => `${boot.bootId} ${Math.ceil(boot.uptimeMs() + atMs - clock.now())}`,
    read: (text, key, maxAheadMs) => {
      const [bootId, uptimeMs] = text.split(' ');
      if (bootId !== boot.bootId) return seenAt(`${key} ${text}`) + maxAheadMs;
      return clock.now() + Number(uptimeMs) - boot.uptimeMs();
    },
  };
}

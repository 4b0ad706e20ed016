import type { Clock } from '../clock.ts';
import { RateFactor } from './rate-factor.ts';
import { SLOT_TOLERANCE_MS, type Slot, type SlotSource } from './slot.ts';

/** A slot further ahead than so many intervals means that the clock was set back. */
const MAX_INTERVALS_AHEAD = 10;

/** What a local source is made of. */
export interface LocalSourceOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** The time between two slots at the full rate. */
  readonly intervalMs: number;
  /** How many slots may come at once after a pause, 1 or more. */
  readonly burst: number;
  /** The first slot is not before this time. Default: the epoch. */
  readonly startAtMs?: number;
  /** The rate factor to start with. Default 1. */
  readonly rateFactor?: number;
}

/**
 * A token bucket in this process, written as the generic cell rate algorithm (ITU-T I.371): it keeps the time of the next
 * token instead of a count, so that nothing has to be filled up and nothing is rounded.
 */
export function createLocalSource(options: LocalSourceOptions): SlotSource {
  const { clock, intervalMs, burst, startAtMs = 0 } = options;
  const factor = new RateFactor(options.rateFactor ?? 1, clock.now());
  let nextAtMs = startAtMs;

  function reserve(): Slot {
    const nowMs = clock.now();
    const stepMs = intervalMs / factor.at(nowMs);
    if (nextAtMs > nowMs + MAX_INTERVALS_AHEAD * stepMs) nextAtMs = nowMs + stepMs;
    const slotMs = Math.max(nextAtMs, nowMs - (burst - 1) * stepMs);
    nextAtMs = slotMs + stepMs;
    const atMs = Math.max(slotMs, nowMs);
    return { atMs, goodUntilMs: atMs + SLOT_TOLERANCE_MS };
  }

  return {
    reserve: async () => reserve(),
    slowDown: async () => factor.cut(clock.now()),
    state: () => {
      const rateFactor = factor.at(clock.now());
      return { kind: 'local', rateFactor, intervalMs: intervalMs / rateFactor };
    },
    close: async () => undefined,
  };
}

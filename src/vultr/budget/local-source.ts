import type { Clock } from '../../base/clock.ts';
import { LEAST_GAP, type Permit, type PermitSource, WINDOW_MS } from './permit.ts';
import { RateFactor } from './rate-factor.ts';
import { SpentPermits } from './spent-permits.ts';

/** The shortest that a timer of Node waits. */
const TICK_MS = 1;

/** The options of a local source. */
export interface LocalSourceOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** The mean time between two permits at the full rate. */
  readonly intervalMs: number;
  /** How many permits there are at most in any WINDOW_MS. */
  readonly limit: number;
  /** How many permits may follow each other faster after a pause, 1 or more. */
  readonly burst: number;
  /** The first permit is not before this time. Default: now. */
  readonly startAtMs?: number;
  /** The rate factor to start with. Default 1. */
  readonly rateFactor?: number;
}

/**
 * A token bucket in this process, written as the generic cell rate algorithm (ITU-T I.371): it keeps the time when the next
 * token is due instead of a count, so that nothing has to be refilled. Tokens that were not used in time are made up for at
 * a higher pace; and a log of the last permits makes sure that there are never more than the limit in any window.
 */
export function createLocalSource(options: LocalSourceOptions): PermitSource {
  const { clock, intervalMs, limit, burst } = options;
  const factor = new RateFactor(options.rateFactor ?? 1, clock.now());
  let dueMs = options.startAtMs ?? clock.now();
  const spent = new SpentPermits(limit);

  function earliestMs(nowMs: number): number {
    if (nowMs < spent.lastMs) setBack(nowMs);
    const step = stepMs(nowMs);
    const paced = Math.max(dueMs, spent.lastMs + step * LEAST_GAP);
    // No timer is finer than a tick: permits that follow each other faster go out together at its beginning. The window is
    // counted by when they really did.
    return Math.max(paced - Math.max(0, TICK_MS - step), spent.firstMs + WINDOW_MS);
  }

  /** The clock was set back: what lies ahead of it happened just now. */
  function setBack(nowMs: number): void {
    spent.change((atMs) => Math.min(atMs, nowMs));
    dueMs = Math.min(dueMs, nowMs + stepMs(nowMs));
  }

  function stepMs(nowMs: number): number {
    return intervalMs / factor.at(nowMs);
  }

  function use(nowMs: number): boolean {
    if (nowMs < earliestMs(nowMs)) return false;
    const step = stepMs(nowMs);
    dueMs = Math.max(dueMs, nowMs - (burst - 1) * step) + step;
    spent.add(nowMs);
    return true;
  }

  function reserve(): Permit {
    const nowMs = clock.now();
    return { atMs: Math.max(nowMs, earliestMs(nowMs)), use };
  }

  return {
    reserve,
    hold: async (heldMs) => {
      const nowMs = clock.now();
      spent.change((atMs) => (atMs >= nowMs - heldMs ? nowMs : atMs));
    },
    slowDown: async () => {
      const nowMs = clock.now();
      factor.cut(nowMs);
      // What was missed is no longer made up for.
      dueMs = Math.max(dueMs, nowMs + stepMs(nowMs));
    },
    msFor: (permits) => factor.msFor(permits * intervalMs, clock.now()),
    state: () => {
      const rateFactor = factor.at(clock.now());
      return { kind: 'local', rateFactor, intervalMs: intervalMs / rateFactor };
    },
    close: async () => undefined,
  };
}

/**
 * How the rate gives way (additive increase, multiplicative decrease, as TCP does): halved by a 429, at most once in a
 * second and never below an eighth; then held for two seconds; then up by a twentieth of the full rate each second, so
 * that half becomes whole again after twelve seconds.
 */
export const RATE_CUT = {
  factor: 0.5,
  least: 0.125,
  pauseMs: 1_000,
  holdMs: 2_000,
  recoveryPerMs: 0.05 / 1_000,
} as const;

/** The part of the rate that is used, between `RATE_CUT.least` and 1. Times are milliseconds since the epoch. */
export class RateFactor {
  #factor: number;
  #cutAtMs: number;

  /** @param factor what it was at `cutAtMs`, the time of the last 429; 1: there was none */
  constructor(factor: number, cutAtMs: number) {
    this.#factor = factor;
    this.#cutAtMs = factor < 1 ? cutAtMs : Number.NEGATIVE_INFINITY;
  }

  /** What it is at `nowMs`. */
  at(nowMs: number): number {
    const recoveringMs = Math.max(0, nowMs - this.#cutAtMs - RATE_CUT.holdMs);
    return Math.min(1, this.#factor + recoveringMs * RATE_CUT.recoveryPerMs);
  }

  /** Gives way to a 429. */
  cut(nowMs: number): void {
    if (nowMs >= this.#cutAtMs && nowMs - this.#cutAtMs < RATE_CUT.pauseMs) return;
    this.#factor = Math.max(RATE_CUT.least, this.at(nowMs) * RATE_CUT.factor);
    this.#cutAtMs = nowMs;
  }

  /** How long from `nowMs` something takes that takes `fullMs` at the full rate, if no other 429 comes. */
  msFor(fullMs: number, nowMs: number): number {
    const factor = this.at(nowMs);
    if (factor === 1) return fullMs;
    const heldMs = Math.max(0, this.#cutAtMs + RATE_CUT.holdMs - nowMs);
    const afterHold = fullMs - factor * heldMs;
    if (afterHold <= 0) return fullMs / factor;
    // The rate rises evenly, so what is done grows with the square of the time.
    const slope = RATE_CUT.recoveryPerMs;
    const riseMs = (1 - factor) / slope;
    const doneInRise = ((factor + 1) / 2) * riseMs;
    if (afterHold > doneInRise) return heldMs + riseMs + afterHold - doneInRise;
    return heldMs + (Math.sqrt(factor ** 2 + 2 * slope * afterHold) - factor) / slope;
  }
}

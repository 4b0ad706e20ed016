import type { Clock } from '../base/clock.ts';
import { pause } from '../base/wait.ts';

/** Limits all polls together to a share of the budget: they are spaced evenly, in the order in which they come. */
export class PollPace {
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #burst: number;
  #nextMs = 0;

  /** @param perSecond undefined: no bound */
  constructor(clock: Clock, perSecond: number | undefined) {
    this.#clock = clock;
    this.#stepMs = perSecond === undefined ? 0 : 1_000 / perSecond;
    // After a pause, the polls of one second may go at once.
    this.#burst = Math.max(1, Math.floor(perSecond ?? 1));
  }

  /** Waits for the next poll's turn; returns early when the signal aborts. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#stepMs === 0) return;
    const nowMs = this.#clock.now();
    const turnMs = Math.max(this.#nextMs, nowMs - (this.#burst - 1) * this.#stepMs);
    this.#nextMs = turnMs + this.#stepMs;
    if (turnMs > nowMs) await pause(this.#clock, turnMs - nowMs, signal);
  }
}

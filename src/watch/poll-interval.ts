/** How many intervals a thing counts as just changed. */
const HURRY = 30;

/** What the interval grows to, as a multiple of itself: while somebody waits for a state, and while nobody does. */
const MOST = { awaited: 5, idle: 30 } as const;

const GROWTH = 1.5;

/**
 * How long to wait between two polls of a thing: the base interval after a change, then ever longer while nothing happens.
 */
export class PollInterval {
  readonly #baseMs: number;
  #currentMs: number;
  #hurryUntilMs = 0;
  #failures = 0;

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
    this.#currentMs = baseMs;
  }

  /** Something has changed, or is about to: it was seen, or asked for through this service. */
  noteChange(nowMs: number): void {
    this.#hurryUntilMs = nowMs + HURRY * this.#baseMs;
    this.#currentMs = this.#baseMs;
  }

  /** A poll found nothing new. */
  noteNothing(nowMs: number): void {
    this.#failures = 0;
    if (nowMs >= this.#hurryUntilMs)
      this.#currentMs = Math.min(this.#currentMs * GROWTH, this.#baseMs * MOST.idle);
  }

  /** A poll failed in a way that may pass. */
  noteFailure(): void {
    this.#failures += 1;
  }

  /**
   * @param isAwaited whether somebody waits for a state
   * @param ease of the request budget, from 1 down
   * @param isScouted whether a list that is polled tells of changes
   */
  nextMs(isAwaited: boolean, ease: number, isScouted: boolean): number {
    const { idle, awaited } = MOST;
    if (this.#failures > 0) return this.#baseMs * Math.min(2 ** this.#failures, idle);
    if (isScouted) return this.#baseMs * idle * 2;
    const currentMs = isAwaited ? Math.min(this.#currentMs, this.#baseMs * awaited) : this.#currentMs;
    return Math.min(currentMs / Math.max(ease, 0.1), this.#baseMs * idle);
  }
}

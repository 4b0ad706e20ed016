/** For how many intervals a thing counts as just changed. */
const HURRY = 30;

/** The multiple that the interval grows to while a watcher waits for a state, and while none does. */
const MOST = { awaited: 5, idle: 30 } as const;

const GROWTH = 1.5;

/**
 * The time between two polls of a thing: the base interval after a change, then longer and longer while nothing happens.
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

  /** A change was seen, or was requested through this service. */
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

  /** A poll failed in a way that may be temporary. */
  noteFailure(): void {
    this.#failures += 1;
  }

  /**
   * @param isAwaited whether a watcher waits for a state
   * @param ease the available share of the request budget, 1 at most
   * @param isScouted whether changes are noticed by polling a list
   */
  nextMs(isAwaited: boolean, ease: number, isScouted: boolean): number {
    const { idle, awaited } = MOST;
    if (this.#failures > 0) return this.#baseMs * Math.min(2 ** this.#failures, idle);
    if (isScouted) return this.#baseMs * idle * 2;
    const currentMs = isAwaited ? Math.min(this.#currentMs, this.#baseMs * awaited) : this.#currentMs;
    return Math.min(currentMs / Math.max(ease, 0.1), this.#baseMs * idle);
  }
}

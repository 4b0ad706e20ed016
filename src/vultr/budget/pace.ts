/** How much one gap between two turns counts in the estimate. */
const GAP_WEIGHT = 0.2;

/** How long answers may fail to come before what is under way counts as held up: one and a half times the pace, and some. */
const SILENCE = { paces: 1.5, ms: 20 } as const;

/** How fast turns and answers really come. Times are milliseconds since the epoch. */
export class Pace {
  readonly #leastIntervalMs: () => number;
  #gapMs = 0;
  #lastTurnMs = Number.NEGATIVE_INFINITY;
  #lastAnswerMs = Number.NEGATIVE_INFINITY;

  /** @param leastIntervalMs what the source can do at best */
  constructor(leastIntervalMs: () => number) {
    this.#leastIntervalMs = leastIntervalMs;
  }

  /** The time between two turns: what was seen lately, and never less than what the source can do. */
  get intervalMs(): number {
    return Math.max(this.#gapMs, this.#leastIntervalMs());
  }

  /** When the next turn can be expected, if no slot is known. */
  get nextTurnMs(): number {
    return this.#lastTurnMs + this.intervalMs;
  }

  /** Says that nobody had been waiting: the gap that ends now says nothing. */
  restart(): void {
    this.#gapMs = 0;
  }

  noteTurn(nowMs: number): void {
    if (this.#gapMs === 0) this.#gapMs = this.#leastIntervalMs();
    else this.#gapMs += GAP_WEIGHT * (nowMs - this.#lastTurnMs - this.#gapMs);
    this.#lastTurnMs = nowMs;
  }

  /**
   * Looks for a heap: no answer came for a while, though one was due. Whatever held it up (a slow handshake, a lost packet,
   * a busy machine), what was sent meanwhile may have reached Vultr at the same moment, at its end. A slow answer alone,
   * with others between, is none.
   * @param tookMs since the answered request was sent
   * @returns for how long requests may have been held up; 0: they were not
   */
  noteAnswer(nowMs: number, tookMs: number): number {
    const silentMs = nowMs - this.#lastAnswerMs;
    this.#lastAnswerMs = nowMs;
    const heldMs = Math.min(silentMs, tookMs);
    return heldMs > SILENCE.paces * this.intervalMs + SILENCE.ms ? heldMs : 0;
  }
}

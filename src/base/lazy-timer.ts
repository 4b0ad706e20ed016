import { type Deferred, inNextTurn } from './next-turn.ts';

/**
 * A timer for what is mostly over by the next turn of the event loop, such as a small request that arrives whole: it is only set
 * then. To set and clear a timer for each would take longer than the rest of what is timed.
 */
export class LazyTimer implements Deferred {
  readonly #ms: number;
  readonly #onTimeout: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** @param ms counts from the next turn of the event loop */
  constructor(ms: number, onTimeout: () => void) {
    this.#ms = ms;
    this.#onTimeout = onTimeout;
    inNextTurn(this);
  }

  /** Takes it back. */
  cancel(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Sets the timer, if it is still needed. */
  proceed(): void {
    if (!this.#isOver) this.#timer = setTimeout(this.#onTimeout, this.#ms);
  }
}

import { performance } from 'node:perf_hooks';

/** How long calls are let in at a stretch. */
const STRETCH_MS = 10;

/**
 * Lets calls in for a moment at a time. One read of a socket can hold a thousand of them, and to begin them all would hold
 * up everybody else; those that have to wait are let in from turn to turn of the event loop, in their order.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  /** When the stretch under way ends; undefined: none is under way. */
  #until: number | undefined;

  /** Has a call begun, now or in one of the next turns. */
  pass(begin: () => void): void {
    if (this.#until === undefined) this.#startStretch();
    if (this.#waiting.length > 0 || this.#isOver()) this.#waiting.push(begin);
    else begin();
  }

  #startStretch(): void {
    this.#until = performance.now() + STRETCH_MS;
    setImmediate(() => this.#endStretch());
  }

  #endStretch(): void {
    this.#until = undefined;
    if (this.#waiting.length === 0) return;
    this.#startStretch();
    let count = 0;
    for (const begin of this.#waiting) {
      begin();
      count += 1;
      if (this.#isOver()) break;
    }
    this.#waiting.splice(0, count);
  }

  #isOver(): boolean {
    return this.#until !== undefined && performance.now() >= this.#until;
  }
}

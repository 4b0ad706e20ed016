import { performance } from 'node:perf_hooks';

/** How much is begun at a stretch. */
const STRETCH_MS = 10;

/** So many of those that wait are taken out of the array together. */
const MANY = 1_000;

/**
 * Lets work begin for a moment at a time. One turn of the event loop can bring a thousand calls and as many responses, and to
 * begin with all of them would hold up everybody else; those that have to wait go on from turn to turn, in their order.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  /** How many of those that wait have been let in: to take them out of the array one by one would cost more each time. */
  #letInCount = 0;
  /** When the stretch under way ends; undefined: none is under way. */
  #until: number | undefined;

  /** Has work begun, now or in one of the next turns. */
  pass(begin: () => void): void {
    if (this.#isOpen()) begin();
    else this.#waiting.push(begin);
  }

  /** For work that goes on after a wait. Resolves when it may; undefined: it may at once. */
  turn(): Promise<void> | undefined {
    if (this.#isOpen()) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #isOpen(): boolean {
    if (this.#until === undefined) this.#startStretch();
    return this.#waiting.length === 0 && !this.#isOver();
  }

  #startStretch(): void {
    this.#until = performance.now() + STRETCH_MS;
    setImmediate(() => this.#endStretch());
  }

  #endStretch(): void {
    this.#until = undefined;
    if (this.#waiting.length === 0) return;
    this.#startStretch();
    this.#letIn();
  }

  /** Lets in one at a time: what it does is seen once its promises have run, which is when a tick comes after them. */
  #letIn(): void {
    this.#next()?.();
    if (this.#waiting.length === 0) return;
    queueMicrotask(() =>
      process.nextTick(() => {
        if (!this.#isOver()) this.#letIn();
      }),
    );
  }

  #next(): (() => void) | undefined {
    const next = this.#waiting[this.#letInCount];
    this.#letInCount += 1;
    if (this.#letInCount === this.#waiting.length || this.#letInCount >= MANY) {
      this.#waiting.splice(0, this.#letInCount);
      this.#letInCount = 0;
    }
    return next;
  }

  #isOver(): boolean {
    return this.#until !== undefined && performance.now() >= this.#until;
  }
}

/** The turnstile of the event loop: whatever shares the loop shares it, too. */
export const turnstile = new Turnstile();

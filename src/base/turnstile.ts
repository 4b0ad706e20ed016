import { performance } from 'node:perf_hooks';

/** How much is begun at a stretch. Each step of a call on a new connection may have to wait for one, and for what else a turn holds. */
const STRETCH_MS = 3;

/** So many of those that wait are taken out of their array together. */
const MANY = 1_000;

/**
 * Lets work begin for a moment at a time. One turn of the event loop can bring a thousand calls and as many responses, and to
 * begin with all of them would hold up everybody else; those that have to wait go on from turn to turn, in their order. What
 * has begun already goes first: it holds memory, and its caller has waited for longer.
 */
export class Turnstile {
  readonly #begun = new Line();
  readonly #new = new Line();
  /** When the stretch under way ends; undefined: none is under way. */
  #until: number | undefined;

  /**
   * Has work begun, now or in one of the next turns.
   * @param begin is told how long it has waited, in milliseconds
   */
  pass(begin: (waitedMs: number) => void): void {
    if (this.#isOpen()) {
      begin(0);
      return;
    }
    const since = performance.now();
    this.#new.add(() => begin(performance.now() - since));
  }

  /** For work that goes on after a wait. Resolves when it may; undefined: it may at once. */
  turn(): Promise<void> | undefined {
    if (this.#isOpen()) return undefined;
    return new Promise((resolve) => this.#begun.add(resolve));
  }

  get #isIdle(): boolean {
    return this.#begun.isEmpty && this.#new.isEmpty;
  }

  #isOpen(): boolean {
    if (this.#until === undefined) this.#startStretch();
    return this.#isIdle && !this.#isOver();
  }

  #startStretch(): void {
    this.#until = performance.now() + STRETCH_MS;
    setImmediate(() => this.#endStretch());
  }

  #endStretch(): void {
    this.#until = undefined;
    if (this.#isIdle) return;
    this.#startStretch();
    this.#letIn();
  }

  /** Lets in one at a time: what it does is seen once its promises have run, which is when a tick comes after them. */
  #letIn(): void {
    const next = this.#begun.next() ?? this.#new.next();
    next?.();
    if (this.#isIdle) return;
    queueMicrotask(() =>
      process.nextTick(() => {
        if (!this.#isOver()) this.#letIn();
      }),
    );
  }

  #isOver(): boolean {
    return this.#until !== undefined && performance.now() >= this.#until;
  }
}

/** Those that wait, in their order. To take them out of an array one by one would cost more the more there are. */
class Line {
  readonly #waiting: (() => void)[] = [];
  #gone = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(work: () => void): void {
    this.#waiting.push(work);
  }

  next(): (() => void) | undefined {
    const next = this.#waiting[this.#gone];
    if (next === undefined) return undefined;
    this.#gone += 1;
    if (this.#gone === this.#waiting.length || this.#gone >= MANY) {
      this.#waiting.splice(0, this.#gone);
      this.#gone = 0;
    }
    return next;
  }
}

/** The turnstile of the event loop: whatever shares the loop shares it, too. */
export const turnstile = new Turnstile();

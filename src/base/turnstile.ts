import { performance } from 'node:perf_hooks';

/** How long work goes on at a stretch: what has begun already, and after it what is new. Together they are one stretch. */
const STRETCH_MS = { begun: 2, new: 6 } as const;

/** When the oldest has waited for so long, there is more than can be done, and the newest goes first. */
const LONG_WAIT_MS = 50;

/** So many of those that have gone are taken out of their array together. */
const MANY = 1_000;

/**
 * Lets work begin for a moment at a time. One turn of the event loop can bring a thousand calls and as many responses, and to
 * begin with all of them would hold up everybody else; those that have to wait go on from turn to turn. What has begun already
 * goes first: it holds memory, and its caller has waited for longer. New work goes in its order, until there is so much of it
 * that everybody would be late: then the newest goes first, so that some are in time.
 */
export class Turnstile {
  readonly #now: () => number;
  readonly #begun: Line;
  readonly #new: Line;
  /** When the stretch under way has begun; undefined: none is under way. */
  #since: number | undefined;

  /** @param now tells the time in milliseconds. Default: the monotonic clock */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#begun = new Line(now);
    this.#new = new Line(now);
  }

  /**
   * Has work begun, now or in one of the next turns.
   * @param begin is told how long it has waited, in milliseconds
   */
  pass(begin: (waitedMs: number) => void): void {
    if (this.#isOpen(STRETCH_MS.new)) begin(0);
    else this.#new.add(begin);
  }

  /** For work that goes on after a wait. Resolves when it may; undefined: it may at once. */
  turn(): Promise<void> | undefined {
    if (this.#isOpen(STRETCH_MS.begun)) return undefined;
    return new Promise((resolve) => this.#begun.add(() => resolve()));
  }

  get #isIdle(): boolean {
    return this.#begun.isEmpty && this.#new.isEmpty;
  }

  #isOpen(stretchMs: number): boolean {
    if (this.#since === undefined) this.#startStretch();
    return this.#isIdle && this.#hasTime(stretchMs);
  }

  #startStretch(): void {
    this.#since = this.#now();
    setImmediate(() => this.#endStretch());
  }

  #endStretch(): void {
    this.#since = undefined;
    if (this.#isIdle) return;
    this.#startStretch();
    this.#letIn();
  }

  /** Lets in one at a time: what it does is seen once its promises have run, which is when a tick comes after them. */
  #letIn(): void {
    if (!this.#letInBegun() && !this.#letInNew()) return;
    queueMicrotask(() => process.nextTick(() => this.#letIn()));
  }

  #letInBegun(): boolean {
    return this.#hasTime(STRETCH_MS.begun) && this.#begun.letIn('oldest');
  }

  #letInNew(): boolean {
    if (!this.#hasTime(STRETCH_MS.new)) return false;
    return this.#new.letIn(this.#new.waitedMs > LONG_WAIT_MS ? 'newest' : 'oldest');
  }

  #hasTime(stretchMs: number): boolean {
    return this.#since !== undefined && this.#now() - this.#since < stretchMs;
  }
}

/** Something that waits. */
interface Waiting {
  readonly begin: (waitedMs: number) => void;
  readonly since: number;
}

/** Those that wait, the oldest first. To take them out of the front of an array one by one would cost more the more there are. */
class Line {
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  /** How many at the front have gone. */
  #gone = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** How long the oldest has waited. */
  get waitedMs(): number {
    const oldest = this.#waiting[this.#gone];
    return oldest === undefined ? 0 : this.#now() - oldest.since;
  }

  add(begin: (waitedMs: number) => void): void {
    this.#waiting.push({ begin, since: this.#now() });
  }

  /** @returns whether there was one */
  letIn(which: 'oldest' | 'newest'): boolean {
    const next = which === 'oldest' ? this.#shift() : this.#waiting.pop();
    if (this.#gone === this.#waiting.length || this.#gone >= MANY) {
      this.#waiting.splice(0, this.#gone);
      this.#gone = 0;
    }
    next?.begin(this.#now() - next.since);
    return next !== undefined;
  }

  #shift(): Waiting | undefined {
    const next = this.#waiting[this.#gone];
    if (next !== undefined) this.#gone += 1;
    return next;
  }
}

/** The turnstile of the event loop: whatever shares the loop shares it, too. */
export const turnstile = new Turnstile();

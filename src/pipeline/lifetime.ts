import { systemClock } from '../base/clock.ts';
import type { MaybeSoon } from '../base/soon.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { CallError } from '../status/call-error.ts';

/** Something that can end a call. Its signal is asked for when somebody waits. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** How long a call may live. */
export interface Lifetime {
  /** When the call has to end, on the clock of the service. */
  readonly deadline: number;
  /** Aborts, with a CallError as the reason, when the call has to end. */
  readonly signal: AbortSignal;
  /** Why the call had to end; undefined: it did not have to yet. */
  readonly endReason: CallError | undefined;
  /**
   * What comes of some work, until the lifetime ends. Nothing is watched for work that is done already.
   * @throws CallError, as a rejection, why the call had to end; and whatever the work rejects with
   */
  until<T>(work: MaybeSoon<T>): MaybeSoon<T>;
  /** Gives the call another deadline, once more is known of what it does. */
  moveDeadline(deadline: number): void;
  /** Has to be called when the call is done: it takes the timer and the listeners away. */
  release(): void;
}

/**
 * Binds a call to its deadline and to everything else that can end it.
 * @param deadline milliseconds since the epoch
 * @param sources whose signals abort with CallErrors: caller gone, service going down
 */
export function createLifetime(
  deadline: number,
  sources: readonly SignalSource[],
  now = systemClock.now,
): Lifetime {
  return new LazyLifetime(deadline, sources, now);
}

/**
 * Most of what belongs to a lifetime is made when it is first needed: a call that is over before the event
 * loop comes round again, as one that the cache replies to, has neither signal nor timer.
 */
class LazyLifetime implements Lifetime {
  #deadline: number;
  readonly #sources: readonly SignalSource[];
  readonly #now: () => number;
  #controller: AbortController | undefined;
  #ended: Promise<never> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listeners: { readonly source: AbortSignal; readonly listener: () => void }[] | undefined;
  #isReleased = false;

  constructor(deadline: number, sources: readonly SignalSource[], now: () => number) {
    this.#deadline = deadline;
    this.#sources = sources;
    this.#now = now;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#watch();
    return this.#controller.signal;
  }

  get endReason(): CallError | undefined {
    const signal = this.#controller?.signal;
    return signal?.aborted === true ? CallError.from(signal.reason) : undefined;
  }

  until<T>(work: MaybeSoon<T>): MaybeSoon<T> {
    if (!(work instanceof Promise)) return work;
    return new Promise((resolve, reject) => {
      const wait: Wait = { isOver: false, begin: () => this.#end().catch(reject) };
      work.then(
        (value) => {
          wait.isOver = true;
          resolve(value);
        },
        (error: unknown) => {
          wait.isOver = true;
          reject(error);
        },
      );
      beginSoon(wait);
    });
  }

  moveDeadline(deadline: number): void {
    this.#deadline = deadline;
    if (this.#timer === undefined || this.#controller === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = this.#schedule(this.#controller);
  }

  release(): void {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    if (this.#listeners === undefined) return;
    for (const { source, listener } of this.#listeners) source.removeEventListener('abort', listener);
  }

  /** Rejects when the lifetime ends. Never resolves. */
  #end(): Promise<never> {
    this.#ended ??= this.#makeEnd();
    return this.#ended;
  }

  #makeEnd(): Promise<never> {
    const { signal } = this;
    const ended = new Promise<never>((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    // Whoever waits for it sees the rejection; a call that is done before has nobody left to.
    ended.catch(() => undefined);
    return ended;
  }

  #watch(): AbortController {
    const controller = new AbortController();
    if (this.#isReleased) return controller;
    this.#listeners = [];
    const end = (reason: unknown): void => controller.abort(CallError.from(reason));
    for (const { signal: source } of this.#sources) {
      const listener = (): void => end(source.reason);
      if (source.aborted) listener();
      else source.addEventListener('abort', listener, { once: true });
      this.#listeners.push({ source, listener });
    }
    this.#timer = this.#schedule(controller);
    return controller;
  }

  #schedule(controller: AbortController): NodeJS.Timeout {
    return setTimeout(
      () => controller.abort(deadlineExceeded()),
      Math.min(Math.max(0, this.#deadline - this.#now()), MAX_TIMER_MS),
    );
  }
}

/** Work that may be over before anybody has to wait for it. */
interface Wait {
  isOver: boolean;
  readonly begin: () => void;
}

/** What began in this turn of the event loop. */
let fresh: Wait[] = [];

/** Has a wait begin in the next turn of the event loop, unless it is over by then. */
function beginSoon(wait: Wait): void {
  if (fresh.push(wait) === 1) setImmediate(beginWaits);
}

function beginWaits(): void {
  const waits = fresh;
  fresh = [];
  for (const { isOver, begin } of waits) if (!isOver) begin();
}

/** The error of a call whose time is up. */
export function deadlineExceeded(): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'DEADLINE_EXCEEDED',
    'The deadline of the call passed before it was done.',
  );
}

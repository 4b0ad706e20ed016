import { getEventListeners } from 'node:events';
import { systemClock } from '../base/clock.ts';
import { type Deferred, inNextTurn } from '../base/next-turn.ts';
import type { MaybeSoon } from '../base/soon.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import type { Endable, EndSource } from '../rpc/call-end.ts';
import { CallError } from '../status/call-error.ts';

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
  /**
   * Has to be called when the call is done: it takes the timer and the listeners away, and ends what is still under way for the call,
   * such as a read beside another one that has failed.
   */
  release(): void;
}

/**
 * Binds a call to its deadline and to everything else that can end it.
 * @param deadline milliseconds since the epoch
 * @param ends they are told of the call once somebody waits
 */
export function createLifetime(
  deadline: number,
  ends: readonly EndSource[],
  now = systemClock.now,
): Lifetime {
  return new LazyLifetime(deadline, ends, now);
}

/** A wait for work that may be over before anybody has to be told of it. */
class Wait implements Deferred {
  isOver = false;
  readonly reject: (error: CallError) => void;
  readonly #lifetime: LazyLifetime;

  constructor(lifetime: LazyLifetime, reject: (error: CallError) => void) {
    this.#lifetime = lifetime;
    this.reject = reject;
  }

  /** Has it end with the lifetime, if it is not over. */
  proceed(): void {
    if (!this.isOver) this.#lifetime.begin(this);
  }
}

/**
 * Most of what belongs to a lifetime is made when it is first needed: a call that is over before the event
 * loop comes round again, as one that the cache replies to, has neither signal nor timer.
 */
class LazyLifetime implements Lifetime, Endable {
  #deadline: number;
  /** Undefined: it is over. */
  #ends: readonly EndSource[] | undefined;
  readonly #now: () => number;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What has to be told of the end. */
  #waits: Wait[] = [];

  constructor(deadline: number, ends: readonly EndSource[], now: () => number) {
    this.#deadline = deadline;
    this.#ends = ends;
    this.#now = now;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get signal(): AbortSignal {
    return (this.#controller ?? this.#watch()).signal;
  }

  get endReason(): CallError | undefined {
    const signal = this.#controller?.signal;
    return signal?.aborted === true ? CallError.from(signal.reason) : undefined;
  }

  until<T>(work: MaybeSoon<T>): MaybeSoon<T> {
    if (!(work instanceof Promise)) return work;
    return new Promise((resolve, reject) => {
      const wait = new Wait(this, reject);
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
      inNextTurn(wait);
    });
  }

  /** Has a wait end with the lifetime. */
  begin(wait: Wait): void {
    const { signal } = this;
    if (signal.aborted) wait.reject(CallError.from(signal.reason));
    else this.#waits.push(wait);
  }

  moveDeadline(deadline: number): void {
    this.#deadline = deadline;
    if (this.#timer === undefined || this.#controller === undefined) return;
    clearTimeout(this.#timer);
    this.#schedule();
  }

  release(): void {
    const [ends, controller] = [this.#ends, this.#controller];
    // What was in a set may stay in memory for seconds (docs/performance.md, Garbage), so it lets go of what it leads to.
    this.#ends = undefined;
    this.#waits = [];
    if (ends === undefined || controller === undefined) return;
    clearTimeout(this.#timer);
    for (const source of ends) source.delete(this);
    if (this.endReason !== undefined) return;
    this.#controller = undefined;
    // To abort takes longer than to see that nobody listens any more, as nobody does to most.
    if (getEventListeners(controller.signal, 'abort').length > 0) controller.abort(callOver());
  }

  #watch(): AbortController {
    const controller = new AbortController();
    this.#controller = controller;
    const ends = this.#ends;
    if (ends === undefined) {
      // Whoever begins with something now does so for a call that is over, and would never be told of its deadline.
      controller.abort(callOver());
      return controller;
    }
    for (const source of ends) source.add(this);
    this.#schedule();
    return controller;
  }

  #schedule(): void {
    const leftMs = Math.max(0, this.#deadline - this.#now());
    this.#timer = setTimeout(() => this.end(deadlineExceeded()), Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Whatever ends a call after it has ended changes nothing. */
  end(reason: CallError): void {
    if (this.#controller === undefined || this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    for (const { reject } of this.#waits.splice(0)) reject(reason);
  }
}

/** What ends work for a call that is over; nobody waits for it. */
function callOver(): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The call was over before this was done.');
}

/** The error of a call whose time is up. */
export function deadlineExceeded(): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'DEADLINE_EXCEEDED',
    'The deadline of the call passed before it was done.',
  );
}

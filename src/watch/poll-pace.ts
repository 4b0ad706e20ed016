import type { Clock } from '../base/clock.ts';
import { pause } from '../base/wait.ts';
import { isMoreUrgent, type PollPlace, PollQueue, type Urgency } from './poll-queue.ts';

/** Limits all polls together to a share of the budget: they are spaced evenly, and their callers take turns. */
export class PollPace {
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #burst: number;
  readonly #queue = new PollQueue<PollTurn>();
  #nextMs = 0;
  /** Ends the wait for the next turn; undefined: nothing waits. */
  #waiting: AbortController | undefined;

  /** @param perSecond undefined: no bound */
  constructor(clock: Clock, perSecond: number | undefined) {
    this.#clock = clock;
    this.#stepMs = perSecond === undefined ? 0 : 1_000 / perSecond;
    // After a pause, the polls of one second may go at once.
    this.#burst = Math.max(1, Math.floor(perSecond ?? 1));
  }

  /**
   * Begins to wait for a poll's turn. It takes none of the budget's share until it has come.
   * @param signal aborts when the poll is of no use any more
   */
  wait(signal: AbortSignal): PollTurn {
    return new PollTurn(this.#queue, () => this.#proceed(), signal);
  }

  /** Lets through whatever is due, and waits for the turn of the next. */
  #proceed(): void {
    if (this.#queue.isEmpty) {
      this.#waiting?.abort();
      this.#waiting = undefined;
      return;
    }
    if (this.#waiting !== undefined) return;
    while (!this.#queue.isEmpty) {
      const nowMs = this.#clock.now();
      const turnMs = Math.max(this.#nextMs, nowMs - (this.#burst - 1) * this.#stepMs);
      if (turnMs > nowMs) {
        void this.#proceedAfter(turnMs - nowMs);
        return;
      }
      this.#nextMs = turnMs + this.#stepMs;
      const next = this.#queue.next();
      next?.item.end(next.caller);
    }
  }

  async #proceedAfter(ms: number): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    await pause(this.#clock, ms, waiting.signal);
    if (waiting.signal.aborted) return;
    this.#waiting = undefined;
    this.#proceed();
  }
}

/** A poll that waits for its turn, on behalf of all who share it: whoever of them is next has its turn used. */
export class PollTurn {
  /** The caller whose turn it has become; undefined: the poll was given up. */
  readonly come: Promise<string | undefined>;
  readonly #queue: PollQueue<PollTurn>;
  readonly #onChange: () => void;
  readonly #places = new Map<string, PollPlace<PollTurn>>();
  readonly #settle: (caller: string | undefined) => void;
  readonly #signal: AbortSignal;
  readonly #giveUp = (): void => this.end(undefined);
  #isOver = false;

  constructor(queue: PollQueue<PollTurn>, onChange: () => void, signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.come = promise;
    this.#settle = resolve;
    this.#queue = queue;
    this.#onChange = onChange;
    this.#signal = signal;
    signal.addEventListener('abort', this.#giveUp, { once: true });
    if (signal.aborted) this.#giveUp();
  }

  /** Has it wait on behalf of a caller, too, or more urgently than before. */
  stand(caller: string, urgency: Urgency): void {
    const before = this.#places.get(caller);
    if (this.#isOver || (before !== undefined && !isMoreUrgent(urgency, before.item.urgency))) return;
    if (before !== undefined) this.#queue.remove(before);
    this.#places.set(caller, this.#queue.add(this, caller, urgency));
    this.#onChange();
  }

  /** A caller no longer takes part. */
  leave(caller: string): void {
    const place = this.#places.get(caller);
    if (place === undefined) return;
    this.#places.delete(caller);
    this.#queue.remove(place);
    this.#onChange();
  }

  /** Ends the wait: it is the turn of a caller, or the poll was given up. */
  end(caller: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#signal.removeEventListener('abort', this.#giveUp);
    for (const place of this.#places.values()) this.#queue.remove(place);
    this.#places.clear();
    this.#settle(caller);
    if (caller === undefined) this.#onChange();
  }
}

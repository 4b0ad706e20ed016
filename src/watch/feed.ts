import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { pause } from '../base/wait.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { Code } from '../status/code.ts';
import { badResponse } from '../vultr/errors.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { type KeptBytes, KeptStates } from './kept-states.ts';
import type { WatchLimits, WatchOwner, WatchTarget } from './options.ts';
import { PollInterval } from './poll-interval.ts';
import type { PollPace } from './poll-pace.ts';
import type { Urgency } from './poll-queue.ts';
import { compileOmission } from './select-fields.ts';
import { SharedTurns, type Sharer } from './shared-turns.ts';

/** The options of a feed. */
export interface FeedOptions {
  readonly target: WatchTarget;
  readonly vultr: Vultr;
  readonly clock: Clock;
  readonly limits: WatchLimits;
  readonly pace: PollPace;
  readonly keptBytes: KeptBytes;
  readonly ease: () => number;
  /** Whether NOT_FOUND may mean that Vultr does not show the new thing yet. */
  readonly mayNotBeKnownYet: () => boolean;
  /** Called when the feed has ended, or has lost its last watcher. */
  readonly onOver: () => void;
}

/** A watcher. */
export interface Watcher {
  /** Whether it waits for a certain state rather than for any change. */
  readonly isAwaiting: boolean;
  /** Called when there may be something new. */
  wake: () => void;
}

/** A watcher's place at a feed. */
interface Place {
  readonly caller: string;
  readonly owner: WatchOwner;
  /** The number of the poll whose result it may take for the current state. */
  readonly poll: number;
}

/** How a feed ended. */
export type FeedEnd =
  | { readonly kind: 'gone'; readonly error: CallError; readonly wasSeen: boolean }
  | { readonly kind: 'failed'; readonly error: CallError };

/** How long one poll may take. */
const POLL_TIMEOUT_MS = 30_000;

/** Failures that may be temporary. */
const PASSING: ReadonlySet<Code> = new Set([
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
]);

/** The states of one thing, for all watches with one credential. It polls only while there are watchers. */
export class Feed {
  /** An id that no other feed ever has. */
  readonly id = randomUUID().slice(0, 8);
  readonly target: WatchTarget;
  readonly states: KeptStates;
  readonly #options: FeedOptions;
  readonly #watchers = new Map<Watcher, Place>();
  readonly #turns: SharedTurns;
  readonly #interval: PollInterval;
  #polling: AbortController | undefined;
  #endPause: () => void = () => undefined;
  /** Whether the next poll is due immediately. */
  #isDue = false;
  #isScouted = false;
  #end: FeedEnd | undefined;
  #started = 0;
  #done = 0;
  #startedAtMs = 0;
  #changedAtMs = 0;
  #lastGoodMs: number;
  #polledAtMs = 0;
  #retryAtMs = 0;

  constructor(options: FeedOptions) {
    const { target, limits, clock } = options;
    this.#options = options;
    this.target = target;
    const steady = compileOmission(target.operation.states?.volatile ?? []);
    this.states = new KeptStates(limits, steady, options.keptBytes);
    this.#interval = new PollInterval(limits.intervalMs);
    this.#turns = new SharedTurns(options.pace, () => this.sharers());
    this.#lastGoodMs = clock.now();
  }

  /** How it ended; undefined: it goes on. */
  get end(): FeedEnd | undefined {
    return this.#end;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Whether somebody waits for a state, so that polls are frequent. */
  get isAwaited(): boolean {
    return this.#watchers.keys().some(({ isAwaiting }) => isAwaiting);
  }

  /** When the last poll began that brought a state, in milliseconds since the epoch; 0: none has. */
  get polledAtMs(): number {
    return this.#polledAtMs;
  }

  /** Whether changes are noticed by polling a list that contains the thing. */
  get isScouted(): boolean {
    return this.#isScouted;
  }

  set isScouted(isScouted: boolean) {
    if (isScouted === this.#isScouted) return;
    this.#isScouted = isScouted;
    this.#endPause();
  }

  /**
   * Adds a watcher.
   * @param caller identifies its caller; see callerKey
   * @param owner on whose behalf it watches
   * @returns the number of the poll whose result it may take for the current state
   */
  join(watcher: Watcher, caller: string, owner: WatchOwner): number {
    const { clock, limits } = this.#options;
    const isFresh =
      this.#polling !== undefined &&
      this.#startedAtMs > this.#changedAtMs &&
      clock.now() - this.#startedAtMs < limits.intervalMs;
    const poll = isFresh ? this.#started : this.#started + 1;
    this.#watchers.set(watcher, { caller, owner, poll });
    if (this.#polling === undefined) {
      this.#polling = new AbortController();
      this.#lastGoodMs = clock.now();
      void this.#run(this.#polling.signal);
      return poll;
    }
    this.#turns.join({ caller, owner, urgency: this.#urgencyFor(watcher, poll) });
    // A watcher that waits for a state wants the next poll sooner.
    if (isFresh) this.#endPause();
    else this.#pollSoon();
    return poll;
  }

  leave(watcher: Watcher): void {
    const place = this.#watchers.get(watcher);
    this.#watchers.delete(watcher);
    if (place !== undefined) this.#turns.leave(place.caller);
    if (this.#watchers.size > 0) return;
    this.#polling?.abort();
    this.#polling = undefined;
    this.#options.onOver();
  }

  /** Those for whom it polls. */
  *sharers(): Generator<Sharer> {
    for (const [watcher, { caller, owner, poll }] of this.#watchers)
      yield { caller, owner, urgency: this.#urgencyFor(watcher, poll) };
  }

  #urgencyFor({ isAwaiting }: Watcher, poll: number): Urgency {
    if (isAwaiting) return 'awaited';
    return this.hasDone(poll) ? 'later' : 'first';
  }

  /** Whether the poll with this number is done. */
  hasDone(poll: number): boolean {
    return this.#done >= poll;
  }

  /** Something was changed, so the last state that was seen is out of date. */
  noteChange(): void {
    const nowMs = this.#options.clock.now();
    this.#changedAtMs = nowMs;
    this.#interval.noteChange(nowMs);
    this.#pollSoon();
  }

  #pollSoon(): void {
    this.#isDue = true;
    this.#endPause();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const owner = await this.#turns.take(signal);
      if (owner === undefined) return;
      await this.#poll(owner, signal);
      if (signal.aborted || this.#end !== undefined) return;
      await this.#rest(signal);
    }
  }

  async #poll(owner: WatchOwner, signal: AbortSignal): Promise<void> {
    const { vultr, clock, target } = this.#options;
    const number = this.#started + 1;
    this.#started = number;
    this.#isDue = false;
    this.#startedAtMs = clock.now();
    const options = {
      ...owner,
      signal,
      deadline: this.#startedAtMs + POLL_TIMEOUT_MS,
      isPoll: true,
    };
    try {
      const { status, body } = await vultr.call(target.operation, target.request, options);
      if (status >= 300) throw badResponse({ kind: 'poll' }, 'is a redirect');
      const wasSeen = this.states.newest !== undefined;
      const isNew = this.states.add(payloadOf(body), body.length);
      this.#lastGoodMs = clock.now();
      this.#polledAtMs = this.#startedAtMs;
      if (isNew && wasSeen) this.#interval.noteChange(clock.now());
      this.#interval.noteNothing(clock.now());
      this.#done = number;
    } catch (thrown) {
      if (signal.aborted) return;
      this.#noteFailure(CallError.from(thrown));
    }
    for (const watcher of this.#watchers.keys()) watcher.wake();
  }

  #noteFailure(error: CallError): void {
    const { clock, limits, mayNotBeKnownYet } = this.#options;
    const wasSeen = this.states.newest !== undefined;
    if (error.code === 'NOT_FOUND') {
      if (!wasSeen && mayNotBeKnownYet()) return;
      this.#finish({ kind: 'gone', error, wasSeen });
      return;
    }
    const isPassing = PASSING.has(error.code) && clock.now() - this.#lastGoodMs < limits.outageMs;
    // Who only looks learns at once that there is nothing to see. Who waits for a state wants to outlive just that.
    if (!isPassing || !(wasSeen || this.isAwaited || this.#isShared)) {
      this.#finish({ kind: 'failed', error });
      return;
    }
    this.#interval.noteFailure();
    this.#retryAtMs = clock.now() + (error.retryDelayMs ?? 0);
  }

  /** Whether several callers share it: a poll may fail for what only the one has exhausted on whose behalf it was made. */
  get #isShared(): boolean {
    const [first] = this.#watchers.values();
    return this.#watchers.values().some(({ caller }) => caller !== first?.caller);
  }

  #finish(end: FeedEnd): void {
    this.#end = end;
    this.#options.onOver();
  }

  /** Sleeps until the next poll is due, which may change meanwhile. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, ease } = this.#options;
    const sinceMs = clock.now();
    while (!this.#isDue && !signal.aborted) {
      const intervalMs = this.#interval.nextMs(this.isAwaited, ease(), this.#isScouted);
      const leftMs = Math.max(sinceMs + intervalMs, this.#retryAtMs) - clock.now();
      if (leftMs <= 0) return;
      const paused = new AbortController();
      this.#endPause = () => paused.abort();
      await pause(clock, leftMs, AbortSignal.any([signal, paused.signal]));
      this.#endPause = () => undefined;
    }
  }
}

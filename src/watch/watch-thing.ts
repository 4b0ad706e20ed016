import { turnstile } from '../base/turnstile.ts';
import type { JsonObject } from '../payload/json.ts';
import { Payload } from '../payload/payload.ts';
import { CallError } from '../status/call-error.ts';
import type { Feed, Watcher } from './feed.ts';
import { type Goal, type Judgement, NO_GOAL } from './goal.ts';
import { jsonPatch, mergePatch, sameJson } from './json-diff.ts';
import type { KeptState } from './kept-states.ts';
import type { WatchTarget } from './options.ts';
import type { SelectFields } from './select-fields.ts';
import type { Seat, Watches } from './watches.ts';

/** The form in which changes are reported. */
export type ChangeForm = 'whole' | 'merge-patch' | 'json-patch';

/** A state, or how it differs from the one reported before. */
export type Change =
  | { readonly form: 'whole'; readonly state: Payload }
  | { readonly form: 'merge-patch'; readonly patch: Payload }
  | { readonly form: 'json-patch'; readonly operations: readonly JsonObject[] };

/** An event for a watcher. */
export interface WatchEvent {
  readonly sequence: number;
  /** Identifies the state, so that a watcher can resume from it. */
  readonly id: string;
  /** Undefined: the thing is gone. */
  readonly change: Change | undefined;
  /** How many states were left out because the watcher was slow. */
  readonly skipped: number;
  /** Whether the watch could not resume where it was meant to. */
  readonly isRestarted: boolean;
  /** Whether the goal is reached. This is the last event then. */
  readonly isReached: boolean;
}

/** The options of a watcher. */
export interface WatchWish {
  readonly goal: Goal;
  readonly select: SelectFields;
  readonly form: ChangeForm;
  /** The id of the last event that it has seen; "" for none. */
  readonly lastId: string;
  readonly signal: AbortSignal;
}

/** From this many unreported states on, a watcher counts as slow and gets only the newest. */
const SLOW_BY = 8;

/**
 * Watches a thing: yields its state, and then every later one in order, until the goal is reached or the signal aborts. Every
 * state is judged, including those that are not reported.
 * @throws CallError as polls do; NOT_FOUND when the thing is gone; FAILED_PRECONDITION when the goal cannot be reached
 */
export async function* watchThing(
  watches: Watches,
  target: WatchTarget,
  wish: WatchWish,
): AsyncGenerator<WatchEvent> {
  const watcher: Watcher = { isAwaiting: wish.goal !== NO_GOAL, wake: () => undefined };
  const seat = watches.join(target, watcher);
  const onAbort = (): void => watcher.wake();
  wish.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const view = new View(seat, wish);
    while (!wish.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      watcher.wake = resolve;
      const event = await view.next();
      if (wish.signal.aborted) return;
      if (event === undefined) {
        view.assertReachable();
        await promise;
        continue;
      }
      yield event;
      if (event.isReached) return;
      view.assertReachable();
    }
  } finally {
    wish.signal.removeEventListener('abort', onAbort);
    seat.leave();
  }
}

/** How far one watcher has followed a feed. */
class View {
  readonly #feed: Feed;
  readonly #poll: number;
  readonly #wish: WatchWish;
  #told: { readonly sequence: number; readonly selected: JsonObject } | undefined;
  #isRestarted = false;
  #isResumed = false;
  #skipped = 0;
  #isHopeless = false;

  constructor({ feed, poll }: Seat, wish: WatchWish) {
    this.#feed = feed;
    this.#poll = poll;
    this.#wish = wish;
    if (wish.lastId === '') return;
    const [, name, sequence] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(wish.lastId) ?? [];
    const state = name === feed.id ? feed.states.at(Number(sequence)) : undefined;
    if (state === undefined) this.#isRestarted = true;
    else {
      this.#told = { sequence: state.sequence, selected: wish.select(state.payload.value) };
      this.#isResumed = true;
    }
  }

  /** The next event; undefined: there is none for now. */
  async next(): Promise<WatchEvent | undefined> {
    if (this.#isResumed) {
      this.#isResumed = false;
      const state = this.#feed.states.at(this.#told?.sequence ?? 0);
      const judgement = state === undefined ? 'open' : await this.#judge(state);
      this.#isHopeless = judgement === 'unreachable';
      // The state was reported before, but perhaps not as the last one.
      if (state !== undefined && judgement === 'reached') return this.#tell(state, true);
    }
    for (;;) {
      const state = await this.#pick();
      if (state === undefined) return this.#atEnd();
      const judgement = await this.#judge(state);
      const selected = this.#wish.select(state.payload.value);
      this.#isHopeless = judgement === 'unreachable';
      if (judgement !== 'open' || this.#told === undefined || !sameJson(selected, this.#told.selected))
        return this.#tell(state, judgement === 'reached');
      this.#told = { sequence: state.sequence, selected };
    }
  }

  /**
   * @throws CallError when the goal cannot be reached from the state that was reported last. Where that was before the watch was
   *   resumed, a poll must have shown that the thing is still in this state
   */
  assertReachable(): void {
    if (!this.#isHopeless || !this.#feed.hasDone(this.#poll)) return;
    throw new CallError(
      'FAILED_PRECONDITION',
      'GOAL_UNREACHABLE',
      'The thing is in a state from which it will not meet the condition by itself. The last message has the state.',
    );
  }

  /** Judging may take long, and there may be many watchers with a condition each, so that they share the event loop. */
  async #judge(state: KeptState): Promise<Judgement> {
    const { goal } = this.#wish;
    if (goal !== NO_GOAL) await turnstile.turn();
    return goal.judge(state.payload.value);
  }

  /** The next state to examine. */
  async #pick(): Promise<KeptState | undefined> {
    const { states } = this.#feed;
    if (this.#told === undefined) return this.#feed.hasDone(this.#poll) ? states.newest : undefined;
    const { sequence } = this.#told;
    const untold = states.after(sequence);
    const [first] = untold;
    if (first === undefined) return undefined;
    const isSlow = untold.length > SLOW_BY || first.sequence > sequence + 1;
    const chosen = isSlow ? ((await this.#firstDecided(untold)) ?? untold.at(-1) ?? first) : first;
    this.#skipped += chosen.sequence - sequence - 1;
    return chosen;
  }

  async #firstDecided(states: readonly KeptState[]): Promise<KeptState | undefined> {
    for (const state of states) if ((await this.#judge(state)) !== 'open') return state;
    return undefined;
  }

  #tell(state: KeptState, isReached: boolean): WatchEvent {
    const selected = this.#wish.select(state.payload.value);
    const change = this.#changeTo(state, selected);
    const event = {
      sequence: state.sequence,
      id: `${this.#feed.id}-${state.sequence}`,
      change,
      skipped: this.#skipped,
      isRestarted: this.#isRestarted,
      isReached,
    };
    this.#told = { sequence: state.sequence, selected };
    this.#isRestarted = false;
    this.#skipped = 0;
    return event;
  }

  #changeTo(state: KeptState, selected: JsonObject): Change {
    const { form } = this.#wish;
    const before = this.#told?.selected;
    if (before !== undefined && form === 'merge-patch') {
      const patch = mergePatch(before, selected);
      if (patch !== undefined) return { form, patch: Payload.of(patch) };
    }
    if (before !== undefined && form === 'json-patch')
      return { form, operations: jsonPatch(before, selected) };
    // The whole payload is passed on where no fields were chosen, since it is encoded once for all watchers.
    return {
      form: 'whole',
      state: selected === state.payload.value ? state.payload : Payload.of(selected),
    };
  }

  #atEnd(): WatchEvent | undefined {
    const { end } = this.#feed;
    if (end === undefined) return undefined;
    if (end.kind === 'failed') throw end.error;
    if (this.#wish.goal.isGone) return this.#gone();
    if (!end.wasSeen) throw end.error;
    throw new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'What was watched is gone.');
  }

  #gone(): WatchEvent {
    const sequence = (this.#feed.states.newest?.sequence ?? 0) + 1;
    return {
      sequence,
      id: `${this.#feed.id}-${sequence}`,
      change: undefined,
      skipped: this.#skipped,
      isRestarted: this.#isRestarted,
      isReached: true,
    };
  }
}

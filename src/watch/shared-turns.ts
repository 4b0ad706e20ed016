import type { WatchOwner } from './options.ts';
import type { PollPace, PollTurn } from './poll-pace.ts';
import type { Urgency } from './poll-queue.ts';

/** A watcher that shares polls with others. */
export interface Sharer {
  /** Identifies its caller; see callerKey. */
  readonly caller: string;
  readonly owner: WatchOwner;
  /** How urgent the next poll is for it. */
  readonly urgency: Urgency;
}

/**
 * The turns of polls that are shared by watchers of several callers of one account. A poll has its turn as soon as the first of
 * the callers has one, and is made on behalf of that caller. Where nobody has to wait, they pay for one poll each in a round.
 */
export class SharedTurns {
  readonly #pace: PollPace;
  readonly #sharers: () => Iterable<Sharer>;
  #turn: PollTurn | undefined;
  /** Who has paid for a poll of this round. */
  readonly #paid = new Set<string>();

  /** @param sharers the watchers at the time when it is called */
  constructor(pace: PollPace, sharers: () => Iterable<Sharer>) {
    this.#pace = pace;
    this.#sharers = sharers;
  }

  /** Waits for the next poll's turn. Returns on whose behalf to poll; undefined: the signal has aborted. */
  async take(signal: AbortSignal): Promise<WatchOwner | undefined> {
    const turn = this.#pace.wait(signal);
    this.#turn = turn;
    for (const { caller, urgency } of this.#sharers())
      if (!this.#paid.has(caller)) turn.stand(caller, urgency);
    for (const { caller, urgency } of this.#sharers()) turn.stand(caller, urgency);
    const caller = await turn.come;
    if (this.#turn === turn) this.#turn = undefined;
    if (caller === undefined || signal.aborted) return undefined;
    if (this.#paid.has(caller)) this.#paid.clear();
    this.#paid.add(caller);
    return this.#ownerFor(caller);
  }

  /** A watcher has come: a poll that waits does so for its caller, too. */
  join({ caller, urgency }: Sharer): void {
    this.#turn?.stand(caller, urgency);
  }

  /** A watcher has left: a poll that waits no longer does so for its caller, unless that has another watcher here. */
  leave(caller: string): void {
    this.#paid.delete(caller);
    if (this.#turn === undefined) return;
    for (const sharer of this.#sharers()) if (sharer.caller === caller) return;
    this.#turn.leave(caller);
  }

  /** The owner of a caller's watcher or, if the caller has left by now, of another one. */
  #ownerFor(caller: string): WatchOwner | undefined {
    let other: WatchOwner | undefined;
    for (const sharer of this.#sharers()) {
      if (sharer.caller === caller) return sharer.owner;
      other ??= sharer.owner;
    }
    return other;
  }
}

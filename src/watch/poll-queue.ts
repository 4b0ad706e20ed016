import { Link, LinkedList } from '../base/linked-list.ts';

/**
 * What a poll is for, the most urgent first: a list that spares the polls of many things whose states are waited for, a state
 * that somebody waits for, somebody's first state, any later one.
 */
const URGENCIES = ['sparing', 'awaited', 'first', 'later'] as const;

/** How urgent a poll is. */
export type Urgency = (typeof URGENCIES)[number];

/** Whether a poll for one purpose goes before one for the other. */
export function isMoreUrgent(one: Urgency, other: Urgency): boolean {
  return URGENCIES.indexOf(one) < URGENCIES.indexOf(other);
}

/** Every so many turns of a caller go to its oldest poll, however urgent others are: without them it might never come. */
const OLDEST_EVERY = 4;

/** A poll that waits on behalf of one caller. */
export interface WaitingPoll<Item> {
  readonly item: Item;
  readonly caller: string;
  readonly urgency: Urgency;
  /** Grows from poll to poll. */
  readonly number: number;
}

/** The place of a poll in the queue. */
export type PollPlace<Item> = Link<WaitingPoll<Item>>;

/**
 * Puts waiting polls in order. The callers take turns, so that nobody can keep others waiting by how much it watches. Of one
 * caller the most urgent go first, and those that are equally urgent in the order in which they came.
 */
export class PollQueue<Item> {
  readonly #lanes = new Map<string, Lane<Item>>();
  /** The same in the order of their turns. */
  readonly #round = new LinkedList<Lane<Item>>();
  #number = 0;

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Adds a poll for a caller. Returns its place, by which it can be removed. */
  add(item: Item, caller: string, urgency: Urgency): PollPlace<Item> {
    let lane = this.#lanes.get(caller);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(caller, lane);
      this.#round.append(lane.link);
    }
    this.#number += 1;
    const place = new Link({ item, caller, urgency, number: this.#number });
    lane.lines[urgency].append(place);
    return place;
  }

  /** Removes a poll, wherever it stands; one that has gone already is left alone. */
  remove(place: PollPlace<Item>): void {
    const { caller, urgency } = place.item;
    const lane = this.#lanes.get(caller);
    if (lane === undefined || !lane.lines[urgency].delete(place) || lane.first !== undefined) return;
    this.#round.delete(lane.link);
    this.#lanes.delete(caller);
  }

  /** The poll whose turn it is, which stays until it is removed; undefined: none is waiting. */
  next(): WaitingPoll<Item> | undefined {
    const lane = this.#round.first;
    if (lane === undefined) return undefined;
    this.#round.append(lane.link);
    lane.turns += 1;
    return lane.turns % OLDEST_EVERY === 0 ? lane.oldest : lane.first;
  }
}

/** The waiting polls of one caller. */
class Lane<Item> {
  readonly link = new Link<Lane<Item>>(this);
  readonly lines: Readonly<Record<Urgency, LinkedList<WaitingPoll<Item>>>> = {
    sparing: new LinkedList(),
    awaited: new LinkedList(),
    first: new LinkedList(),
    later: new LinkedList(),
  };
  turns = 0;

  /** The most urgent one. */
  get first(): WaitingPoll<Item> | undefined {
    const { sparing, awaited, first, later } = this.lines;
    return sparing.first ?? awaited.first ?? first.first ?? later.first;
  }

  get oldest(): WaitingPoll<Item> | undefined {
    const firsts = URGENCIES.flatMap((urgency) => this.lines[urgency].first ?? []);
    return firsts.reduce((oldest, one) => (one.number < oldest.number ? one : oldest));
  }
}

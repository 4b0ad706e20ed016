import type { VultrRequest } from '../request.ts';

/** What decides when a request gets its permit. */
export interface Place {
  readonly kind: VultrRequest['kind'];
  /** Identifies whom it is made for; see callerKey. */
  readonly caller: string;
  /** The size of the body. */
  readonly bytes: number;
  /** It had a permit already and Vultr's edge answered 429: it goes before all others of its kind. */
  readonly again: boolean;
}

/** The places in the order in which they are served within a round, by kind and `again`. */
const RANKS = { change: 0, read: 2, poll: 4 } as const satisfies Record<VultrRequest['kind'], number>;
const RANK_COUNT = 6;

/** The waiting requests of one caller. */
interface Lane<T> {
  /** By rank, each in the order in which they came. A rank that nobody has asked for may be missing. */
  readonly ranks: (T[] | undefined)[];
  size: number;
  bytes: number;
}

/**
 * Puts waiting requests in order. They are served in rounds: in a round every caller with something waiting gets one
 * permit, so that nobody can keep others waiting by what it asks for or how much. Within a round changes go before reads
 * before polls, and so do those of one caller. With a single caller, therefore, a poll waits as long as there is anything
 * else to do.
 */
export class PermitQueue<T extends Place> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** Who has had a permit in this round. */
  readonly #served = new Set<string>();
  #size = 0;
  #bytes = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** How much their bodies hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many of one caller wait, over all kinds. */
  countOf(caller: string): number {
    return this.#lanes.get(caller)?.size ?? 0;
  }

  /** How many of each caller wait. */
  countByCaller(): ReadonlyMap<string, number> {
    return new Map([...this.#lanes].map(([caller, { size }]) => [caller, size]));
  }

  add(item: T): void {
    let lane = this.#lanes.get(item.caller);
    if (lane === undefined) {
      lane = { ranks: new Array(RANK_COUNT), size: 0, bytes: 0 };
      this.#lanes.set(item.caller, lane);
    }
    const rank = rankOf(item);
    const places = lane.ranks[rank];
    if (places === undefined) lane.ranks[rank] = [item];
    else places.push(item);
    this.#count(lane, item, 1);
  }

  /** Removes one, wherever it stands; false when it is not waiting. */
  remove(item: T): boolean {
    const lane = this.#lanes.get(item.caller);
    const places = lane?.ranks[rankOf(item)] ?? [];
    const index = places.indexOf(item);
    if (lane === undefined || index === -1) return false;
    places.splice(index, 1);
    this.#count(lane, item, -1);
    if (lane.size === 0) this.#lanes.delete(item.caller);
    return true;
  }

  /** Removes the next one; undefined when none is waiting. */
  shift(): T | undefined {
    const item = this.#first(false) ?? this.#first(true);
    if (item === undefined) return undefined;
    if (this.#served.has(item.caller)) this.#served.clear();
    this.#served.add(item.caller);
    this.remove(item);
    if (this.#size === 0) this.#served.clear();
    return item;
  }

  /** All that wait, in the order in which they would get their permits if nobody else came. */
  *order(): Generator<T, undefined> {
    let deep = [...this.#lanes].map(([caller, lane]) => ({ lane, isServed: this.#served.has(caller) }));
    for (let round = 0; deep.length > 0; round++) {
      const ranks: T[][] = Array.from({ length: RANK_COUNT }, () => []);
      for (const { lane, isServed } of deep) {
        const item = nth(lane, isServed ? round - 1 : round);
        if (item !== undefined) ranks[rankOf(item)]?.push(item);
      }
      for (const items of ranks) yield* items;
      deep = deep.filter(({ lane, isServed }) => lane.size + Number(isServed) > round + 1);
    }
    return undefined;
  }

  /** The one in the last place. */
  last(): T | undefined {
    return [...this.order()].at(-1);
  }

  /** The last one with a body of the caller whose bodies hold most; undefined when there are no bodies. */
  lastOfHeaviest(): T | undefined {
    let heaviest: Lane<T> | undefined;
    for (const lane of this.#lanes.values()) if (lane.bytes >= (heaviest?.bytes ?? 1)) heaviest = lane;
    return heaviest?.ranks.flatMap((places = []) => places).findLast(({ bytes }) => bytes > 0);
  }

  /** The first in the order of those whose callers have had a permit in this round, or have not. */
  #first(isServed: boolean): T | undefined {
    let first: T | undefined;
    for (const [caller, lane] of this.#lanes) {
      if (this.#served.has(caller) !== isServed) continue;
      const item = nth(lane, 0);
      if (item !== undefined && (first === undefined || rankOf(item) < rankOf(first))) first = item;
    }
    return first;
  }

  #count(lane: Lane<T>, { bytes }: T, by: 1 | -1): void {
    lane.size += by;
    lane.bytes += by * bytes;
    this.#size += by;
    this.#bytes += by * bytes;
  }
}

function rankOf({ kind, again }: Place): number {
  return RANKS[kind] + (again ? 0 : 1);
}

/** The request of a caller that is next once so many others of it have been served. */
function nth<T>({ ranks }: Lane<T>, index: number): T | undefined {
  let rest = index;
  for (const places of ranks) {
    if (places === undefined) continue;
    if (rest < places.length) return places[rest];
    rest -= places.length;
  }
  return undefined;
}

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

/** The waiting requests of one kind. */
interface Line<T> {
  readonly again: T[];
  /** By caller; the one at the front is next and then goes to the back. */
  readonly lanes: Map<string, T[]>;
}

/**
 * Puts waiting requests in order: changes before reads before polls, and within a kind one caller after the other. A poll
 * waits on purpose while there is anything else to do: nobody who polls is in a hurry.
 */
export class PermitQueue<T extends Place> {
  readonly #lines: Readonly<Record<VultrRequest['kind'], Line<T>>> = {
    change: { again: [], lanes: new Map() },
    read: { again: [], lanes: new Map() },
    poll: { again: [], lanes: new Map() },
  };
  readonly #counts = new Map<string, number>();
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
    return this.#counts.get(caller) ?? 0;
  }

  add(item: T): void {
    const { again, lanes } = this.#lines[item.kind];
    if (item.again) {
      again.push(item);
    } else {
      const lane = lanes.get(item.caller);
      if (lane === undefined) lanes.set(item.caller, [item]);
      else lane.push(item);
    }
    this.#count(item, 1);
  }

  /** Removes one, wherever it stands; false when it is not waiting. */
  remove(item: T): boolean {
    const { again, lanes } = this.#lines[item.kind];
    const places = item.again ? again : (lanes.get(item.caller) ?? []);
    const index = places.indexOf(item);
    if (index === -1) return false;
    places.splice(index, 1);
    if (!item.again && places.length === 0) lanes.delete(item.caller);
    this.#count(item, -1);
    return true;
  }

  /** Removes the next one; undefined when none is waiting. */
  shift(): T | undefined {
    const [item] = this.order();
    if (item === undefined) return undefined;
    this.remove(item);
    if (!item.again) {
      const { lanes } = this.#lines[item.kind];
      const rest = lanes.get(item.caller);
      lanes.delete(item.caller);
      if (rest !== undefined) lanes.set(item.caller, rest);
    }
    return item;
  }

  /** All that wait, in the order in which they would get their permits if nobody else came. */
  *order(): Generator<T, undefined> {
    for (const { again, lanes } of Object.values(this.#lines)) {
      yield* again;
      let deep: readonly T[][] = [...lanes.values()];
      for (let round = 0; deep.length > 0; round++) {
        for (const lane of deep) {
          const item = lane[round];
          if (item !== undefined) yield item;
        }
        deep = deep.filter((lane) => lane.length > round + 1);
      }
    }
    return undefined;
  }

  /** The one in the last place. */
  last(): T | undefined {
    for (const { again, lanes } of Object.values(this.#lines).reverse()) {
      let longest: readonly T[] = [];
      for (const lane of lanes.values()) if (lane.length >= longest.length) longest = lane;
      const item = longest.at(-1) ?? again.at(-1);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  #count(item: T, by: 1 | -1): void {
    this.#size += by;
    this.#bytes += by * item.bytes;
    const count = this.countOf(item.caller) + by;
    if (count === 0) this.#counts.delete(item.caller);
    else this.#counts.set(item.caller, count);
  }
}

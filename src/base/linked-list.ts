/** The place of an item in a list: one at a time. */
export class Link<Item> {
  readonly item: Item;
  /** The list that it is in; like the neighbours, it is set by that list alone. */
  list: LinkedList<Item> | undefined;
  before: Link<Item> | undefined;
  after: Link<Item> | undefined;

  constructor(item: Item) {
    this.item = item;
  }
}

/**
 * Items in the order in which they were put in. A Set would do the same, but the tables of one whose items come and go all the time
 * are garbage that stays in memory for long (docs/performance.md, Garbage).
 */
export class LinkedList<Item> implements Iterable<Item> {
  #first: Link<Item> | undefined;
  #last: Link<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first?.item;
  }

  /** Puts an item at the end, out of the place where it may have been. */
  append(link: Link<Item>): void {
    link.list?.delete(link);
    link.list = this;
    link.before = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    this.#size += 1;
  }

  /** Takes an item out; false: it is not in this list. */
  delete(link: Link<Item>): boolean {
    if (link.list !== this) return false;
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    link.list = undefined;
    link.before = undefined;
    link.after = undefined;
    this.#size -= 1;
    return true;
  }

  /** The items, of which the one at hand may be taken out meanwhile. */
  *[Symbol.iterator](): Generator<Item, undefined> {
    for (let link = this.#first; link !== undefined; ) {
      const { item, after } = link;
      yield item;
      link = after;
    }
    return undefined;
  }
}

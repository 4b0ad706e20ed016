/** What holds bytes, and on whose behalf. */
interface Held {
  readonly connection: object;
}

interface Account<C> {
  bytes: number;
  /** The calls that can be given up, the oldest first. */
  readonly loose: Set<C>;
  /** How many calls hold something. */
  calls: number;
}

/**
 * Counts the bytes that calls hold, and gives calls up when there are too many. Over the bound of a connection its oldest
 * call goes; over the bound of all, the oldest of the connection that holds most, so that one greedy connection cannot crowd
 * the others out.
 */
export class ByteBound<C extends Held> {
  readonly #max: { readonly perConnection: number; readonly total: number };
  readonly #giveUp: (call: C) => void;
  readonly #accounts = new Map<object, Account<C>>();
  readonly #held = new Map<C, number>();
  #total = 0;

  /** @param giveUp ends a call; its bytes are no longer counted by then */
  constructor(max: { readonly perConnection: number; readonly total: number }, giveUp: (call: C) => void) {
    this.#max = max;
    this.#giveUp = giveUp;
  }

  /** Reports how many bytes a call holds now. Calls are given up, this one or older ones, until the bounds are kept. */
  set(call: C, bytes: number): void {
    const account = this.#accountOf(call.connection);
    const before = this.#held.get(call);
    if (before === undefined) {
      account.calls += 1;
      account.loose.add(call);
    }
    this.#held.set(call, bytes);
    account.bytes += bytes - (before ?? 0);
    this.#total += bytes - (before ?? 0);
    while (account.bytes > this.#max.perConnection && this.#giveUpOldest(account));
    while (this.#total > this.#max.total && this.evict());
  }

  /** Reports that a call can no longer be given up: its bytes still count, and other calls have to go. */
  pin(call: C): void {
    this.#accounts.get(call.connection)?.loose.delete(call);
  }

  /** Reports that a call no longer holds anything. */
  release(call: C): void {
    const bytes = this.#held.get(call);
    const account = this.#accounts.get(call.connection);
    if (bytes === undefined || account === undefined) return;
    this.#held.delete(call);
    this.#total -= bytes;
    account.bytes -= bytes;
    account.loose.delete(call);
    account.calls -= 1;
    if (account.calls === 0) this.#accounts.delete(call.connection);
  }

  /** Gives up the oldest call of the connection that holds most, to make room. Returns false when there is none to give up. */
  evict(): boolean {
    let heaviest: Account<C> | undefined;
    for (const account of this.#accounts.values()) {
      if (account.loose.size > 0 && account.bytes >= (heaviest?.bytes ?? 0)) heaviest = account;
    }
    return heaviest !== undefined && this.#giveUpOldest(heaviest);
  }

  #accountOf(connection: object): Account<C> {
    const known = this.#accounts.get(connection);
    if (known !== undefined) return known;
    const account: Account<C> = { bytes: 0, loose: new Set(), calls: 0 };
    this.#accounts.set(connection, account);
    return account;
  }

  #giveUpOldest({ loose }: Account<C>): boolean {
    const [oldest] = loose;
    if (oldest === undefined) return false;
    this.release(oldest);
    this.#giveUp(oldest);
    return true;
  }
}

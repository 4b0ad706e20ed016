/** What holds bytes, and on whose behalf. */
interface Held {
  readonly connection: object;
}

/** Keeps count of the bytes that calls hold, and has calls given up when they are too many. */
export interface ByteBound<C extends Held> {
  /** Tells how many bytes a call holds now. Calls are given up, this one or older ones, until the bounds are kept. */
  set(call: C, bytes: number): void;
  /** Tells that a call can no longer be given up: its bytes count, and others have to go. */
  pin(call: C): void;
  /** Tells that a call holds nothing more. */
  release(call: C): void;
  /** Gives up the oldest call of the connection that holds most, to make room. False: there is none to give up. */
  evict(): boolean;
}

interface Account<C> {
  bytes: number;
  /** The calls that can be given up, the oldest first. */
  readonly loose: Set<C>;
  /** How many calls hold something. */
  calls: number;
}

/**
 * Makes a bound. Over the bound of a connection its oldest call goes; over the bound of all, the oldest of the connection
 * that holds most, so that one greedy connection cannot crowd the others out.
 * @param giveUp ends a call; its bytes are no longer counted by then
 */
export function createByteBound<C extends Held>(
  max: { readonly perConnection: number; readonly total: number },
  giveUp: (call: C) => void,
): ByteBound<C> {
  const accounts = new Map<object, Account<C>>();
  const held = new Map<C, number>();
  let total = 0;

  function accountOf(connection: object): Account<C> {
    const known = accounts.get(connection);
    if (known !== undefined) return known;
    const account: Account<C> = { bytes: 0, loose: new Set(), calls: 0 };
    accounts.set(connection, account);
    return account;
  }

  function release(call: C): void {
    const bytes = held.get(call);
    const account = accounts.get(call.connection);
    if (bytes === undefined || account === undefined) return;
    held.delete(call);
    total -= bytes;
    account.bytes -= bytes;
    account.loose.delete(call);
    account.calls -= 1;
    if (account.calls === 0) accounts.delete(call.connection);
  }

  function giveUpOldest(account: Account<C> | undefined): boolean {
    const [oldest] = account?.loose ?? [];
    if (oldest === undefined) return false;
    release(oldest);
    giveUp(oldest);
    return true;
  }

  function evict(): boolean {
    let heaviest: Account<C> | undefined;
    for (const account of accounts.values()) {
      if (account.loose.size > 0 && account.bytes >= (heaviest?.bytes ?? 0)) heaviest = account;
    }
    return giveUpOldest(heaviest);
  }

  return {
    set(call, bytes) {
      const account = accountOf(call.connection);
      const before = held.get(call);
      if (before === undefined) {
        account.calls += 1;
        account.loose.add(call);
      }
      held.set(call, bytes);
      account.bytes += bytes - (before ?? 0);
      total += bytes - (before ?? 0);
      while (account.bytes > max.perConnection && giveUpOldest(account));
      while (total > max.total && evict());
    },
    pin: (call) => void accounts.get(call.connection)?.loose.delete(call),
    release,
    evict,
  };
}

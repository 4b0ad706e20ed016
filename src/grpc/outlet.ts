import { constants } from 'node:http2';
import { systemClock } from '../base/clock.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';

/** Messages up to this size go whatever else lies unread: the number of calls bounds them, and probes get their reply. */
const SMALL_BYTES = 4 * 1024;

/** How long a reply has to lie unread before it is given up for others that have no room. */
const STALLED_MS = 1_000;

/** Sends the messages of replies, no more at a time than may lie unread. */
export interface Outlet {
  /**
   * Sends one message of a call, now or when there is room; the call sends no other one before it is taken. A caller that
   * does not take it in time loses the call.
   * @param write hands the message to the connection
   * @returns to be called when the connection has taken the message
   */
  send(call: OpenCall, bytes: number, write: () => void): () => void;
  /** Cuts off the oldest stalled reply of the connection that leaves most unread. False: nothing is stalled. */
  makeRoom(): boolean;
}

interface Message {
  readonly call: OpenCall;
  readonly bytes: number;
  readonly write: () => void;
  /** When it was written; undefined: it waits for room. */
  since: number | undefined;
}

interface Account {
  bytes: number;
  /** What is written and not taken, the oldest first. */
  readonly unread: Set<Message>;
  /** What waits for room, the oldest first. */
  readonly waiting: Set<Message>;
}

/**
 * Makes the outlet.
 * @param onGivenUp is told of each call that is cut off because its caller does not read, and why
 */
export function createOutlet(limits: GrpcLimits, onGivenUp: (call: OpenCall, text: string) => void): Outlet {
  const accounts = new Map<Connection, Account>();
  let total = 0;
  let retry: NodeJS.Timeout | undefined;

  function cut({ call }: Message, text: string): void {
    onGivenUp(call, text);
    // It is no use to send a status behind a message that is not read.
    call.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  function hasRoom(account: Account, bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true;
    return (
      (account.bytes === 0 || account.bytes + bytes <= limits.maxReplyBytesPerConnection) &&
      (total === 0 || total + bytes <= limits.maxReplyBytes)
    );
  }

  /** Cuts off the oldest stalled reply of the account, or of the heaviest one when the bound of all is what is in the way. */
  function giveUpStalled(account: Account, bytes: number): boolean {
    const isOwnBound = account.bytes + bytes > limits.maxReplyBytesPerConnection;
    return cutStalled(isOwnBound ? account : heaviest(accounts.values()));
  }

  function cutStalled({ unread }: Account): boolean {
    const [oldest] = unread;
    if (oldest?.since === undefined || systemClock.now() - oldest.since < STALLED_MS) return false;
    remove(oldest);
    cut(oldest, 'The caller left its reply unread, and others needed the room.');
    return true;
  }

  function write(account: Account, message: Message): void {
    account.waiting.delete(message);
    account.unread.add(message);
    account.bytes += message.bytes;
    total += message.bytes;
    message.since = systemClock.now();
    message.write();
  }

  /** Writes what there is room for: first for the connection that has least unread, in the order of its messages. */
  function pump(): void {
    let isWaiting = false;
    const inNeed = [...accounts.values()].filter(({ waiting }) => waiting.size > 0);
    for (const account of inNeed.sort((one, other) => one.bytes - other.bytes)) {
      for (const message of account.waiting) {
        while (!hasRoom(account, message.bytes) && giveUpStalled(account, message.bytes));
        if (!hasRoom(account, message.bytes)) {
          isWaiting = true;
          break;
        }
        write(account, message);
      }
    }
    if (isWaiting && retry === undefined) retry = setTimeout(pumpAgain, STALLED_MS).unref();
  }

  function pumpAgain(): void {
    retry = undefined;
    pump();
  }

  function remove(message: Message): void {
    const account = accounts.get(message.call.connection);
    if (account === undefined) return;
    account.waiting.delete(message);
    if (account.unread.delete(message)) {
      account.bytes -= message.bytes;
      total -= message.bytes;
    }
    if (account.unread.size + account.waiting.size === 0) accounts.delete(message.call.connection);
  }

  return {
    send(call, bytes, writeIt) {
      const account = accounts.get(call.connection) ?? { bytes: 0, unread: new Set(), waiting: new Set() };
      accounts.set(call.connection, account);
      const message: Message = { call, bytes, write: writeIt, since: undefined };
      const timer = setTimeout(
        () => cut(message, `The caller left its reply unread for ${limits.replyTimeoutMs} milliseconds.`),
        limits.replyTimeoutMs,
      );
      const done = (): void => {
        clearTimeout(timer);
        call.stream.off('close', done);
        remove(message);
        if (accounts.size > 0) pump();
      };
      call.stream.once('close', done);
      account.waiting.add(message);
      if (bytes <= SMALL_BYTES || (account.waiting.size === 1 && hasRoom(account, bytes)))
        write(account, message);
      else pump();
      return done;
    },
    makeRoom: () => cutStalled(heaviest(accounts.values())),
  };
}

function heaviest(accounts: Iterable<Account>): Account {
  let most: Account = { bytes: -1, unread: new Set(), waiting: new Set() };
  for (const account of accounts) if (account.bytes > most.bytes) most = account;
  return most;
}

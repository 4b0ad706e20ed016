import { constants } from 'node:http2';
import { LazyTimer } from '../base/lazy-timer.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';

/** Messages up to this size go whatever else lies unread: the number of calls bounds them, and probes get their reply. */
const SMALL_BYTES = 4 * 1024;

/** How often to check who reads. */
const CHECK_MS = 1_000;

/**
 * A reply is stalled when its connection has taken nothing between this many checks, or when it has itself been there for this
 * many and could have been read by then. Checks are counted instead of time: after a busy moment of this process nobody seems
 * to have read.
 */
const STALLED = { connection: 2, message: 10 } as const;

/** A connection that takes fewer bytes than this between two checks is too slow to keep the room of others for long. */
const SLOW_BYTES = SMALL_BYTES;

interface Message {
  readonly call: OpenCall;
  readonly bytes: number;
  readonly write: () => void;
  readonly timer: LazyTimer;
  /** How many checks have found it unread. */
  checks: number;
  /** How much its connection had taken, of whatever message, when this one was written. */
  startBytes: number;
}

interface Account {
  bytes: number;
  /** How much the connection had taken at the last check, of whatever message: many at a time share it, so that each takes long. */
  takenBytes: number;
  /** How many checks in a row have found that the connection has taken nothing. */
  quietChecks: number;
  /** What is written and not taken, the oldest first. */
  readonly unread: Set<Message>;
  /** What waits for room, the oldest first. */
  readonly waiting: Set<Message>;
}

/** Sends the messages of replies, no more at a time than may lie unread. */
export class Outlet {
  readonly #limits: GrpcLimits;
  readonly #onGivenUp: (call: OpenCall, text: string) => void;
  readonly #accounts = new Map<Connection, Account>();
  /** What is not taken yet: a call sends one message after the other. */
  readonly #messages = new Map<OpenCall, Message>();
  #total = 0;
  #waitingBytes = 0;
  #checking: NodeJS.Timeout | undefined;

  /** @param onGivenUp called with each call that is cut off because its caller does not read, and why */
  constructor(limits: GrpcLimits, onGivenUp: (call: OpenCall, text: string) => void) {
    this.#limits = limits;
    this.#onGivenUp = onGivenUp;
  }

  /**
   * Sends one message of a call, now or when there is room; the call sends no other one before it is taken. A caller that
   * does not take it in time loses the call.
   * @param write hands the message to the connection
   */
  send(call: OpenCall, bytes: number, write: () => void): void {
    const account = this.#accountOf(call.connection);
    const timer = this.#cutLater(call);
    const message: Message = { call, bytes, write, timer, checks: 0, startBytes: 0 };
    this.#messages.set(call, message);
    if (bytes <= SMALL_BYTES || (account.waiting.size === 0 && this.#hasRoom(account, bytes))) {
      this.#write(account, message);
      return;
    }
    account.waiting.add(message);
    this.#waitingBytes += bytes;
    this.#pump();
    if (account.waiting.has(message) && this.#waitingBytes > this.#limits.maxWaitingReplyBytes) {
      this.#cut(call, 'There was no room for the reply, as others have left theirs unread.');
    }
  }

  /** To be called when the connection has taken the message of a call. */
  taken(call: OpenCall): void {
    const account = this.#accounts.get(call.connection);
    if (account !== undefined) account.quietChecks = 0;
    this.closed(call);
  }

  /** To be called when a call has ended, whatever has become of its message. */
  closed(call: OpenCall): void {
    const message = this.#messages.get(call);
    if (message === undefined) return;
    message.timer.cancel();
    this.#messages.delete(call);
    this.#remove(message);
    this.#pump();
  }

  /** Cuts off the oldest stalled reply of the connection that leaves most unread. Returns false when nothing is stalled. */
  makeRoom(): boolean {
    return this.#cutStalled(heaviest(this.#accounts.values()));
  }

  /** Writes what there is room for: first for the connection that has least unread, in the order of its messages. */
  #pump(): void {
    if (this.#waitingBytes === 0) return;
    const inNeed = [...this.#accounts.values()].filter(({ waiting }) => waiting.size > 0);
    for (const account of inNeed.sort((one, other) => one.bytes - other.bytes)) {
      for (const message of account.waiting) {
        while (!this.#hasRoom(account, message.bytes) && this.#giveUpStalled(account, message.bytes));
        if (!this.#hasRoom(account, message.bytes)) break;
        this.#write(account, message);
      }
    }
  }

  /** Checks who reads, for as long as there is anything unread. */
  #check(): void {
    for (const [{ socket }, account] of this.#accounts) {
      account.quietChecks = socket.bytesWritten > account.takenBytes ? 0 : account.quietChecks + 1;
      account.takenBytes = socket.bytesWritten;
      for (const message of account.unread) message.checks += 1;
    }
    this.#pump();
    this.#checking = undefined;
    this.#checkLater();
  }

  #checkLater(): void {
    if (this.#accounts.size > 0) this.#checking ??= setTimeout(() => this.#check(), CHECK_MS).unref();
  }

  #hasRoom({ bytes: held }: Account, bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true;
    const { maxReplyBytes, maxReplyBytesPerConnection } = this.#limits;
    // A message that is larger than a bound goes alone.
    const isInOwnBound = held === 0 || held + bytes <= maxReplyBytesPerConnection;
    return isInOwnBound && (this.#total === 0 || this.#total + bytes <= maxReplyBytes);
  }

  /** Cuts off a stalled reply of the account, or of the heaviest one when the bound of all is what is in the way. */
  #giveUpStalled(account: Account, bytes: number): boolean {
    const isOwnBound = account.bytes + bytes > this.#limits.maxReplyBytesPerConnection;
    return this.#cutStalled(isOwnBound ? account : heaviest(this.#accounts.values()));
  }

  #cutStalled({ unread, quietChecks }: Account): boolean {
    const [oldest] = unread;
    if (oldest === undefined) return false;
    if (quietChecks < STALLED.connection && !this.#isStalled(oldest)) return false;
    this.#remove(oldest);
    this.#cut(oldest.call, 'The caller left its reply unread, and others needed the room.');
    return true;
  }

  /**
   * Whether a reply has been there for so long that its caller leaves it: the connection is slow, or has taken more than may lie
   * unread on it. Replies of one connection share it, and end at about the same time.
   */
  #isStalled({ call, checks, startBytes }: Message): boolean {
    const takenBytes = call.connection.socket.bytesWritten - startBytes;
    const isOvertaken = takenBytes > this.#limits.maxReplyBytesPerConnection;
    return checks >= STALLED.message && (isOvertaken || takenBytes < checks * SLOW_BYTES);
  }

  #cutLater(call: OpenCall): LazyTimer {
    const { replyTimeoutMs } = this.#limits;
    return new LazyTimer(replyTimeoutMs, () =>
      this.#cut(call, `The caller left its reply unread for ${replyTimeoutMs} milliseconds.`),
    );
  }

  #cut(call: OpenCall, text: string): void {
    this.#onGivenUp(call, text);
    // There is no use in sending a status behind a message that nobody reads.
    call.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #write(account: Account, message: Message): void {
    if (account.waiting.delete(message)) this.#waitingBytes -= message.bytes;
    account.unread.add(message);
    account.bytes += message.bytes;
    this.#total += message.bytes;
    message.startBytes = message.call.connection.socket.bytesWritten;
    message.write();
  }

  #remove(message: Message): void {
    const account = this.#accounts.get(message.call.connection);
    if (account === undefined) return;
    if (account.waiting.delete(message)) this.#waitingBytes -= message.bytes;
    if (account.unread.delete(message)) {
      account.bytes -= message.bytes;
      this.#total -= message.bytes;
    }
    if (account.unread.size + account.waiting.size === 0) this.#accounts.delete(message.call.connection);
  }

  #accountOf(connection: Connection): Account {
    const known = this.#accounts.get(connection);
    if (known !== undefined) return known;
    const account: Account = { ...noAccount(), takenBytes: connection.socket.bytesWritten };
    this.#accounts.set(connection, account);
    this.#checkLater();
    return account;
  }
}

function noAccount(): Account {
  return { bytes: 0, takenBytes: 0, quietChecks: 0, unread: new Set(), waiting: new Set() };
}

function heaviest(accounts: Iterable<Account>): Account {
  let most: Account = { ...noAccount(), bytes: -1 };
  for (const account of accounts) if (account.bytes > most.bytes) most = account;
  return most;
}

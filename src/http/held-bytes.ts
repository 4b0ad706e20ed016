import type { Socket } from 'node:net';
import type { Passage } from './connections.ts';
import { tooManyBytes } from './errors.ts';
import type { HttpLimits } from './options.ts';

/**
 * Keeps track of what all requests together hold in memory: the bodies that have arrived, and the responses that their
 * callers have not read yet.
 */
export class HeldBytes {
  readonly #limits: HttpLimits;
  readonly #cut: (socket: Socket) => void;
  #received = 0;
  #unread = 0;
  /** The responses on their way, the oldest first. */
  readonly #unsent = new Map<Passage, { readonly socket: Socket; readonly bytes: number }>();

  /** @param cut ends the connection of a caller that does not read */
  constructor(limits: HttpLimits, cut: (socket: Socket) => void) {
    this.#limits = limits;
    this.#cut = cut;
  }

  /**
   * Counts a part of a body that has arrived, until its request is over.
   * @throws CallError UNAVAILABLE when all bodies together would be over the limit
   */
  receive(passage: Passage, bytes: number): void {
    if (this.#received + bytes > this.#limits.maxReceivedBytes) throw tooManyBytes(this.#limits);
    this.#received += bytes;
    passage.onEnd(() => {
      this.#received -= bytes;
    });
  }

  /** Counts a response, or the latest message of one, until it is out. Those that have waited for longest to be read make room for it. */
  send(passage: Passage, socket: Socket, bytes: number): void {
    if (this.#unsent.has(passage)) this.#release(passage);
    else passage.onEnd(() => this.#release(passage));
    this.#unsent.set(passage, { socket, bytes });
    this.#unread += bytes;
    for (const [oldest, { socket: itsSocket }] of this.#unsent) {
      if (this.#unread <= this.#limits.maxUnreadBytes || oldest === passage) return;
      this.#release(oldest);
      this.#cut(itsSocket);
    }
  }

  #release(passage: Passage): void {
    const held = this.#unsent.get(passage);
    if (held === undefined) return;
    this.#unsent.delete(passage);
    this.#unread -= held.bytes;
  }
}

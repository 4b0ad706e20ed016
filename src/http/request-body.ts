import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { MaybeSoon } from '../base/soon.ts';
import type { Passage } from './connections.ts';
import { bodyTooLarge, callerGone, encodedBody, requestTimeout, tooManyBytes } from './errors.ts';
import type { HttpLimits } from './options.ts';

/** How a body is read. */
export interface ReadBodyOptions {
  readonly limits: HttpLimits;
  /** When the body is due, by the clock of `now`. */
  readonly deadline: number;
  readonly now: () => number;
  /** Accounts for the memory of the body; throws a CallError when there is none left. */
  readonly hold: (bytes: number) => void;
  /** Asks a caller that waits for it (Expect: 100-continue) to send the body. */
  readonly proceed: () => void;
  /** Whether it is taken with a content coding, as it is. Default: no. */
  readonly isEncodedTaken?: boolean;
}

/**
 * Reads the body of a request, whole; there is nothing to wait for when it has none.
 * @throws CallError, also as a rejection, when it is over the size limit (413), late (408), compressed (415), when there is no memory for it, or
 * when the caller leaves
 */
export function readBody(request: IncomingMessage, options: ReadBodyOptions): MaybeSoon<Uint8Array> {
  const { limits, proceed, isEncodedTaken = false } = options;
  const encoding = request.headers['content-encoding'];
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity';
  if (!isPlain && !isEncodedTaken) throw encodedBody(encoding);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBodyBytes) throw bodyTooLarge(limits);
  proceed();
  // Without either header there is no body (RFC 9112, section 6.3).
  if (announced === 0 && request.headers['transfer-encoding'] === undefined) return EMPTY;
  return receive(request, new Body(announced, options), options);
}

const EMPTY = new Uint8Array();

function receive(
  request: IncomingMessage,
  body: Body,
  { limits, deadline, now }: ReadBodyOptions,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => settle(() => reject(requestTimeout(limits))),
      Math.max(0, deadline - now()),
    );
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      // What is still to come is thrown away, so that the connection is not closed on a response that is not read yet.
      request.on('error', ignoreError).resume();
      end();
    };
    const onData = (chunk: Buffer): void => {
      try {
        body.add(chunk);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const onEnd = (): void => settle(() => resolve(body.bytes()));
    const onGone = (): void => settle(() => reject(callerGone()));
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

const FIRST_BYTES = 16 * 1024;

/** A body as it arrives, in one piece: a list of chunks would cost a hundred bytes for each, and a chunk may be one byte. */
class Body {
  readonly #options: ReadBodyOptions;
  /** The most that it can become. */
  readonly #maxBytes: number;
  #buffer = Buffer.alloc(0);
  #length = 0;
  /** How much memory the next growth asks for. */
  #next = FIRST_BYTES;

  constructor(announced: number, options: ReadBodyOptions) {
    this.#options = options;
    this.#maxBytes = announced > 0 ? announced : options.limits.maxBodyBytes;
  }

  add(chunk: Buffer): void {
    const { limits, hold } = this.#options;
    const length = this.#length + chunk.length;
    if (length > limits.maxBodyBytes) throw bodyTooLarge(limits);
    if (length > this.#buffer.length) {
      const size = Math.min(Math.max(this.#next, length), this.#maxBytes);
      hold(size - this.#buffer.length);
      const larger = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
      this.#next = size * 2;
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** After the body was given up, an error of the connection tells nothing new. */
function ignoreError(): void {}

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

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Link, LinkedList } from '../base/linked-list.ts';
import { jitterAge } from '../base/spread.ts';
import { CallEnd } from '../rpc/call-end.ts';
import type { CallError } from '../status/call-error.ts';
import { callerGone, connectionAged, tooManyConnections, tooManyRequests } from './errors.ts';
import { carrierOf } from './http2/carrier.ts';
import type { HttpConnectionLife, HttpLimits } from './options.ts';

/** A request that has been let in, until its response is out or its caller left. */
export interface Passage {
  /** Comes when the caller left before the response was out, or has to. */
  readonly ending: CallEnd;
  /** Whether the caller left before the response was out. */
  readonly isGone: boolean;
  /** Registers something to be done at the end. */
  onEnd(release: () => void): void;
}

/**
 * What becomes of a request. `cut`: its connection has been ended with everything on it. `ignored`: its connection ends with
 * an earlier response, so that it gets none.
 */
export type Admission =
  | { readonly kind: 'admitted'; readonly passage: Passage }
  | { readonly kind: 'refused'; readonly error: CallError }
  | { readonly kind: 'cut'; readonly error: CallError }
  | { readonly kind: 'ignored' };

/** Why a connection was ended before its caller wished it. */
export type EndCause = 'idle' | 'full' | 'pipelining' | 'unread';

/** A connection that was made, or had a response, this recently probably has a request on its way. */
const BUSY_MS = 1_000;

/** How long a caller that has not been told of the end has for one more request. */
const LAST_REQUEST_MS = 200;

class Visit implements Passage {
  /** Undefined: it is over. */
  response: ServerResponse | undefined;
  isGone = false;
  readonly ending = new CallEnd();
  #releases: (() => void)[] | undefined;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  onEnd(release: () => void): void {
    this.#releases ??= [];
    this.#releases.push(release);
  }

  end(): void {
    this.isGone = this.response?.writableFinished !== true;
    if (this.isGone) this.ending.begin(callerGone());
    for (const release of this.#releases?.splice(0) ?? []) release();
    // What was in a set may stay in memory for seconds (docs/performance.md, Garbage), so it lets go of what it leads to.
    this.response = undefined;
  }
}

class Connection {
  readonly socket: Socket;
  /** The connection of the caller that this one inside the process carries a request of; undefined: it is the caller's. */
  readonly carrier: Socket | undefined;
  /** The requests under way, the oldest first: HTTP/1.1 responds to them in this order. Most often there is one. */
  readonly visits: Visit[] = [];
  /** The requests under way on connections that it carries. */
  readonly carried = new Set<Visit>();
  /** Its place among those that are idle. */
  readonly place = new Link<Connection>(this);
  /** Whether it speaks another protocol than HTTP/1.1 and ends in the manner of that one. */
  isCarrier = false;
  /** Whether a response has said that it is the last one. */
  isEnding = false;
  /** Whether its next response is to be the last one, because of its age. */
  isOld = false;
  /** When its last response was out, or it was made, by the monotonic clock. */
  quietSince = performance.now();

  constructor(socket: Socket) {
    this.socket = socket;
    this.carrier = carrierOf(socket);
  }

  /** Takes a request off; false: it is not under way. */
  end(visit: Visit): boolean {
    const index = this.visits.indexOf(visit);
    if (index < 0) return false;
    // splice() makes an array of what it takes out, which the usual case, a single request, can do without.
    if (index === this.visits.length - 1) this.visits.pop();
    else this.visits.splice(index, 1);
    return true;
  }
}

/**
 * Keeps track of the connections and of the requests on them. A connection without a request makes room for a new one, the
 * one that has been idle for longest first, so that a crowd that only connects shuts nobody out. Requests beyond the limits
 * are refused, except for those of probes, for which some connections are kept in reserve.
 */
export class Connections {
  readonly #limits: HttpLimits;
  readonly #life: HttpConnectionLife;
  readonly #onEnded: (cause: EndCause) => void;
  readonly #open = new Map<Socket, Connection>();
  /** How many of them carry single requests inside this process: they take no room from callers. */
  #carrying = 0;
  /** The connections of callers without a request, the one that has been so for longest first. */
  readonly #idle = new LinkedList<Connection>();
  /** Those that have something under way which is counted elsewhere. */
  readonly #occupied = new Set<Socket>();
  #requests = 0;
  #isDraining = false;
  #isClosing = false;

  constructor(limits: HttpLimits, life: HttpConnectionLife, onEnded: (cause: EndCause) => void) {
    this.#limits = limits;
    this.#life = life;
    this.#onEnded = onEnded;
  }

  /** How many connections callers have. */
  get size(): number {
    return this.#open.size - this.#carrying;
  }

  /** Whether a connection was taken and has not ended. */
  has(socket: Socket): boolean {
    return this.#open.has(socket);
  }

  /** The response to the newest of the requests under way on a connection; undefined: there is none. */
  latestResponse(socket: Socket): ServerResponse | undefined {
    return this.#open.get(socket)?.visits.at(-1)?.response;
  }

  /** Reports that a connection carries the requests of others, and will be ended by who reports it. */
  setCarrying(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.isCarrier = true;
  }

  /** Whether a connection is to take no more requests than those that it has. */
  isLeaving(socket: Socket): boolean {
    return this.#isClosing || this.#isDraining || this.#open.get(socket)?.isOld === true;
  }

  /** Reports that a connection has something under way that is no request of HTTP/1.1. */
  occupy(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined && this.#idle.delete(connection.place)) this.#occupied.add(socket);
  }

  /** Reports that it no longer has. */
  rest(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined && this.#occupied.delete(socket)) this.#idle.append(connection.place);
  }

  /** Takes a new connection, at the cost of an idle one or of the connection itself when there is no room. */
  add(socket: Socket): void {
    const connection = new Connection(socket);
    if (!this.#makeRoom(connection)) {
      this.end(socket, 'full');
      return;
    }
    this.#open.set(socket, connection);
    if (connection.carrier === undefined) {
      this.#idle.append(connection.place);
      this.#endAtAge(socket, connection);
    } else this.#carrying += 1;
    // A TLS handshake can finish after the listener has been closed.
    if (this.#isClosing) this.#endSoon(connection);
    socket.once('close', () => {
      this.#forget(socket);
      // Node does not notify responses that wait for an earlier one on their connection.
      for (const visit of [...connection.visits]) this.#leave(connection, visit);
    });
  }

  /**
   * Whether there is room, if need be after an idle connection has been ended. Those that carry requests take none: what they carry
   * is refused, and they end with that, as soon as too many connections are busy.
   */
  #makeRoom({ carrier }: Connection): boolean {
    const { maxConnections, reservedConnections } = this.#limits;
    if (carrier !== undefined || this.size < maxConnections + reservedConnections) return true;
    const oldest = this.#idle.first;
    if (oldest !== undefined) this.end(oldest.socket, 'idle');
    return oldest !== undefined;
  }

  /** Ends a connection at once. */
  end(socket: Socket, cause: EndCause): void {
    this.#forget(socket);
    this.#onEnded(cause);
    socket.destroy();
  }

  /** Lets a request in, or not; sending the refusal is up to the caller. */
  admit({ socket }: IncomingMessage, response: ServerResponse, isProbe: boolean): Admission {
    const connection = this.#open.get(socket);
    if (connection === undefined || connection.isEnding) return { kind: 'ignored' };
    const isFirst = connection.visits.length === 0;
    const error = isProbe && isFirst ? undefined : this.#findRefusal(connection);
    if (error !== undefined && !isFirst) {
      // A refusal would have to wait for the responses before it, while Node keeps what it has read of the requests behind
      // it: some 1 500 of them in memory, for each connection of a malicious caller.
      this.end(socket, 'pipelining');
      return { kind: 'cut', error };
    }
    const isLast = this.#isClosing || this.#isDraining || connection.isOld;
    if (isLast || error !== undefined) announceEnd(connection, response);
    const visit = new Visit(response);
    connection.visits.push(visit);
    this.#requests += 1;
    this.#idle.delete(connection.place);
    response.on('close', () => this.#leave(connection, visit));
    this.#noteCarried(connection, visit);
    return error === undefined ? { kind: 'admitted', passage: visit } : { kind: 'refused', error };
  }

  /** The age of the connection that carries a request counts for the request, too. */
  #noteCarried({ carrier }: Connection, visit: Visit): void {
    const carried = carrier && this.#open.get(carrier)?.carried;
    if (carried === undefined) return;
    carried.add(visit);
    visit.onEnd(() => carried.delete(visit));
  }

  /** From now on, each response is the last one of its connection, while everything is still served. */
  drain(): void {
    this.#isDraining = true;
  }

  /**
   * Ends the connections without a request, and has every other one end with its last response, so that its caller does not
   * send another request that nobody would serve.
   */
  close(): void {
    this.#isClosing = true;
    this.endIdle();
    for (const connection of this.#open.values()) {
      const last = connection.visits.at(-1);
      if (last?.response?.headersSent === false) announceEnd(connection, last.response);
    }
  }

  /** Ends the connections without a request, once what was sent on them is out. */
  endIdle(): void {
    for (const connection of this.#idle) {
      if (connection.isCarrier) continue;
      if (performance.now() - connection.quietSince > BUSY_MS) connection.socket.destroySoon();
      else this.#endSoon(connection);
    }
  }

  /**
   * Has the caller of an old connection make a new one. It is told in a response, since a connection that just ends may
   * cost it the request that it is sending.
   */
  #endAtAge(socket: Socket, connection: Connection): void {
    const { maxAgeMs, ageGraceMs } = this.#life;
    if (maxAgeMs === undefined) return;
    let timer = setTimeout(
      () => {
        connection.isOld = true;
        timer = setTimeout(() => {
          for (const visit of [...connection.visits, ...connection.carried])
            visit.ending.begin(connectionAged());
        }, ageGraceMs).unref();
      },
      jitterAge(maxAgeMs, Math.random),
    ).unref();
    socket.once('close', () => clearTimeout(timer));
  }

  #findRefusal(connection: Connection): CallError | undefined {
    const { maxPipelined, maxRequests, maxConnections } = this.#limits;
    if (connection.visits.length >= maxPipelined || this.#requests >= maxRequests)
      return tooManyRequests(this.#limits);
    // The connection of this request still counts as idle when it is its only one.
    const isIdle = connection.place.list === this.#idle;
    const busy = this.#open.size - this.#idle.size - this.#occupied.size + (isIdle ? 1 : 0);
    return busy > maxConnections ? tooManyConnections(this.#limits) : undefined;
  }

  #leave(connection: Connection, visit: Visit): void {
    if (!connection.end(visit)) return;
    this.#requests -= 1;
    visit.end();
    const { socket } = connection;
    if (connection.visits.length > 0 || !this.#open.has(socket)) return;
    if (connection.carrier === undefined) this.#idle.append(connection.place);
    connection.quietSince = performance.now();
    if (!this.#isClosing) return;
    if (connection.isEnding) socket.destroySoon();
    else this.#endSoon(connection);
  }

  /**
   * Ends a connection whose last response did not say that it is the last, since the closing began after it. Its caller may be
   * sending another request, which is served.
   */
  #endSoon({ socket, visits }: Connection): void {
    const end = (): void => {
      if (visits.length === 0) socket.destroySoon();
    };
    // On a busy machine the time can be up before the event loop has read what came within it, so it reads once more.
    setTimeout(() => setImmediate(end), LAST_REQUEST_MS);
  }

  #forget(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    if (connection.carrier !== undefined) this.#carrying -= 1;
    this.#idle.delete(connection.place);
    this.#open.delete(socket);
    this.#occupied.delete(socket);
  }
}

function announceEnd(connection: Connection, response: ServerResponse): void {
  connection.isEnding = true;
  response.setHeader('connection', 'close');
}

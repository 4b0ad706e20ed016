import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { certificateNames } from '../access/certificate-names.ts';
import { systemClock } from '../base/clock.ts';
import { formatPeer } from '../rpc/peer.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';

/** A connection is not idle before it has had this long to make its next call. */
const FRESH_MS = 500;

/**
 * Keeps the number of connections bounded. A connection without calls gives way to a new one, the longest idle first; when
 * all are in use, a spare one is accepted, which may ask for nothing but the health, so that a probe still finds the service
 * well in a crowd.
 */
export class Connections {
  readonly #limits: GrpcLimits;
  readonly #bySession = new WeakMap<Http2Session, Connection>();
  readonly #full = new Set<Connection>();
  readonly #spare = new Set<Connection>();
  /** Of the full ones, those without calls, and since when, the longest idle first. */
  readonly #idle = new Map<Connection, number>();

  constructor(limits: GrpcLimits) {
    this.#limits = limits;
  }

  /** Accepts a new one, and closes an idle one when there are too many. */
  open(session: Http2Session, socket: Socket): Connection {
    const certificate = socket instanceof TLSSocket ? certificateNames(socket) : undefined;
    const origin = { address: socket.remoteAddress ?? 'unknown', certificate };
    const peer = formatPeer(socket);
    const connection: Connection = { session, socket, peer, origin, calls: new Set(), isSpare: true };
    this.#bySession.set(session, connection);
    session.once('close', () => this.#forget(connection));
    if (this.#makeRoom()) this.#add(connection);
    else this.#addSpare(connection);
    return connection;
  }

  /** All that are open. */
  all(): readonly Connection[] {
    return [...this.#full, ...this.#spare];
  }

  /** The one of a session; undefined: it has been closed. */
  of(session: Http2Session | undefined): Connection | undefined {
    return session === undefined ? undefined : this.#bySession.get(session);
  }

  /** Makes a spare connection a full one, if there is room by now. */
  promote(connection: Connection): void {
    if (!connection.isSpare || !this.#makeRoom()) return;
    this.#spare.delete(connection);
    this.#add(connection);
  }

  /** Notes a call, which keeps its connection from being idle. */
  begin(call: OpenCall): void {
    call.connection.calls.add(call);
    this.#idle.delete(call.connection);
  }

  /** Notes the end of a call. */
  end(call: OpenCall): void {
    const { connection } = call;
    connection.calls.delete(call);
    if (connection.calls.size === 0 && this.#full.has(connection)) {
      this.#idle.set(connection, systemClock.now());
    }
  }

  /** Whether there is room for a full connection, if need be in the place of an idle one. */
  #makeRoom(): boolean {
    if (this.#full.size < this.#limits.maxConnections) return true;
    const [longest] = this.#idle;
    if (longest === undefined || systemClock.now() - longest[1] < FRESH_MS) return false;
    const [connection] = longest;
    this.#forget(connection);
    // Tells the other side that nothing it may just have sent was processed, so that it can call again elsewhere.
    connection.session.close();
    return true;
  }

  #add(connection: Connection): void {
    connection.isSpare = false;
    this.#full.add(connection);
    if (connection.calls.size === 0) this.#idle.set(connection, systemClock.now());
  }

  #addSpare(connection: Connection): void {
    const [oldest] = this.#spare;
    if (oldest !== undefined && this.#spare.size >= this.#limits.maxSpareConnections) {
      this.#forget(oldest);
      oldest.session.destroy();
    }
    this.#spare.add(connection);
  }

  #forget(connection: Connection): void {
    this.#full.delete(connection);
    this.#spare.delete(connection);
    this.#idle.delete(connection);
    this.#bySession.delete(connection.session);
  }
}

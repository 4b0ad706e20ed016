import type { Http2Session } from 'node:http2';
import { systemClock } from '../base/clock.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';

/** The connections that are open. */
export interface Connections {
  /** Takes a new one, and closes one that is idle when there are too many. */
  open(session: Http2Session): Connection;
  /** The one of a session; undefined: it has been closed. */
  of(session: Http2Session | undefined): Connection | undefined;
  /** Makes a spare connection a full one, if there is room by now. */
  promote(connection: Connection): void;
  /** Notes a call, which keeps its connection from being idle. */
  begin(call: OpenCall): void;
  /** Notes the end of a call. */
  end(call: OpenCall): void;
}

/** A connection is not idle before it has had this long to make its next call. */
const FRESH_MS = 500;

/**
 * Keeps the number of connections bounded. A connection without calls gives way to a new one, the longest idle first; when
 * all are in use, a spare one is taken, which may ask for the health alone: a crowd does not hide from a probe that the
 * service is well.
 */
export function createConnections({ maxConnections, maxSpareConnections }: GrpcLimits): Connections {
  const bySession = new WeakMap<Http2Session, Connection>();
  const full = new Set<Connection>();
  const spare = new Set<Connection>();
  /** Of the full ones, those without calls, and since when, the longest idle first. */
  const idle = new Map<Connection, number>();

  function forget(connection: Connection): void {
    full.delete(connection);
    spare.delete(connection);
    idle.delete(connection);
    bySession.delete(connection.session);
  }

  /** Whether there is room for a full connection, if need be in the place of an idle one. */
  function makeRoom(): boolean {
    if (full.size < maxConnections) return true;
    const [[longestIdle, since] = [undefined, 0]] = idle;
    if (longestIdle === undefined || systemClock.now() - since < FRESH_MS) return false;
    forget(longestIdle);
    // Tells the other side that nothing it may have sent just now was looked at, so that it calls again elsewhere.
    longestIdle.session.close();
    return true;
  }

  function add(connection: Connection): void {
    connection.isSpare = false;
    full.add(connection);
    if (connection.calls.size === 0) idle.set(connection, systemClock.now());
  }

  return {
    open(session) {
      const { remoteAddress = 'unknown', remotePort = 0 } = session.socket;
      const peer = `${remoteAddress}:${remotePort}`;
      const connection: Connection = { session, peer, calls: new Set(), isSpare: true };
      bySession.set(session, connection);
      session.once('close', () => forget(connection));
      if (makeRoom()) {
        add(connection);
        return connection;
      }
      const [oldest] = spare;
      if (spare.size >= maxSpareConnections && oldest !== undefined) {
        forget(oldest);
        oldest.session.destroy();
      }
      spare.add(connection);
      return connection;
    },
    of: (session) => (session === undefined ? undefined : bySession.get(session)),
    promote(connection) {
      if (!connection.isSpare || !makeRoom()) return;
      spare.delete(connection);
      add(connection);
    },
    begin(call) {
      call.connection.calls.add(call);
      idle.delete(call.connection);
    },
    end(call) {
      const { connection } = call;
      connection.calls.delete(call);
      if (connection.calls.size === 0 && full.has(connection)) idle.set(connection, systemClock.now());
    },
  };
}

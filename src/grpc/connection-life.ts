import { constants } from 'node:http2';
import { systemClock } from '../base/clock.ts';
import { jitterAge } from '../base/spread.ts';
import { connectionAged } from './errors.ts';
import { leave } from './farewell.ts';
import type { Connection } from './open-call.ts';

/** How long the connections of the gRPC side live. */
export interface ConnectionLife {
  /** The age at which a connection takes its last call; undefined: none does. */
  readonly maxAgeMs?: number | undefined;
  /** How long the calls on it may run on then. */
  readonly ageGraceMs: number;
  /** How often the service pings. */
  readonly keepaliveTimeMs: number;
  /** How long the other side may take to answer. */
  readonly keepaliveTimeoutMs: number;
  /** How often the other side may ping. */
  readonly keepaliveMinTimeMs: number;
}

/** The life of a connection unless a caller of startGrpcServer says otherwise. */
export const DEFAULT_CONNECTION_LIFE: ConnectionLife = {
  ageGraceMs: 3_600_000,
  keepaliveTimeMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  keepaliveMinTimeMs: 10_000,
};

/** How long callers have to take the status that ends their calls before the connection is cut. */
const LAST_WORD_MS = 500;

/** How many pings may come too early before the connection has to go; other servers of gRPC allow as many. */
const ALLOWED_STRIKES = 2;

/** With so many, it is not a client that is set wrongly but one that means harm. */
const HARMFUL_STRIKES = 100;

/** Answering a ping takes fewer bytes than this, TLS included; more means that something else was sent. */
const PING_ANSWER_BYTES = 64;

/** Has a connection end when it has reached its age, and when its other side pings too often. */
export function limitLife(connection: Connection, life: ConnectionLife): void {
  endAtAge(connection, life);
  endAtPings(connection, life);
}

/**
 * The other side is told to make its next call elsewhere (GOAWAY), at a time of its own for each connection, so that those
 * that came together do not leave together.
 */
function endAtAge(connection: Connection, { maxAgeMs, ageGraceMs }: ConnectionLife): void {
  const { session, calls } = connection;
  if (maxAgeMs === undefined) return;
  let timer = setTimeout(
    () => {
      void leave(connection);
      timer = setTimeout(endCalls, ageGraceMs).unref();
    },
    jitterAge(maxAgeMs, Math.random),
  ).unref();
  session.once('close', () => clearTimeout(timer));

  function endCalls(): void {
    for (const call of calls) call.end(connectionAged());
    timer = setTimeout(() => session.destroy(), LAST_WORD_MS).unref();
  }
}

/**
 * Pings cost the service a wake-up each, and a fleet of clients whose keepalive is set to a second adds up. A ping that follows
 * data is free: clients measure the connection by such pings.
 */
function endAtPings({ session }: Connection, { keepaliveMinTimeMs }: ConnectionLife): void {
  let allowedAt = Number.NEGATIVE_INFINITY;
  let sentBefore = 0;
  let strikes = 0;
  session.on('ping', () => {
    const now = systemClock.now();
    const sent = session.socket.bytesWritten;
    const isFree = sent - sentBefore > PING_ANSWER_BYTES;
    sentBefore = sent;
    if (isFree) strikes = 0;
    else if (now < allowedAt) strikes += 1;
    allowedAt = now + keepaliveMinTimeMs;
    if (strikes === ALLOWED_STRIKES + 1) tellToGo(session);
    if (strikes > HARMFUL_STRIKES) session.destroy();
  });
}

/** gRFC A8: clients that are told so ping less often from then on. The calls in progress may end. */
function tellToGo(session: Connection['session']): void {
  if (session.destroyed) return;
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
  session.close();
}

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection } from './open-call.ts';

/** A GOAWAY (RFC 9113, section 6.8) without an error whose last stream is the highest there can be: nothing is refused yet. */
const NOTICE = Buffer.from('000008070000000000' + '7fffffff' + '00000000', 'hex');

/** How long the other side has to take the notice. */
const NOTICE_MS = 1_000;

/**
 * Has the other side make its next call elsewhere; the calls in progress go on. Resolves once no more calls are taken.
 *
 * Node ends a connection with one GOAWAY, and calls that are on their way at that moment are lost: clients repeat some of them,
 * once. So the other side is given notice first, as the RFC recommends, and when it has answered a ping, everything that it had
 * sent before is here. Node has no function for that, and ignores new streams after a GOAWAY of its own; but it hands whole frames
 * to the socket, between which one more can be written. With TLS that is impossible, as Node writes past the socket's queue, and
 * it is left out.
 */
export async function leave({ session, socket }: Connection): Promise<void> {
  if (session.closed || session.destroyed) return;
  if (!(socket instanceof TLSSocket) && socket.writable) await giveNotice(session, socket);
  session.close();
}

function giveNotice(session: Connection['session'], socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, NOTICE_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    session.once('close', done);
    socket.write(NOTICE);
    if (!session.ping(done)) done();
  });
}

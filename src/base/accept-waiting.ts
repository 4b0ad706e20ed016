import type { Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** So many connections wait for a listener at most, which is what Node asks the system for. */
const BACKLOG = 511;

/**
 * Lets in the connections that the system has made already. Node accepts them one by one, in the turns of the event loop, and
 * those that wait when the listener is closed are reset, with the requests on them. So it is to be closed as soon as this
 * resolves, in the same turn.
 * @param maxMs how long it may take; who connects without end is not waited for in any case
 */
export async function acceptWaiting(server: Server, maxMs: number): Promise<void> {
  const begun = performance.now();
  let accepted = 0;
  const note = (): void => {
    accepted += 1;
  };
  server.on('connection', note);
  await setImmediate();
  let before: number;
  do {
    before = accepted;
    // Between two immediates, the event loop looks for connections once.
    await setImmediate();
  } while (accepted > before && accepted < BACKLOG && performance.now() - begun < maxMs);
  server.off('connection', note);
}

import type { Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** The most connections that wait to be accepted: the length of the queue that Node asks the system for. */
const BACKLOG = 511;

/**
 * Accepts the connections that are waiting in the system's queue. Node accepts them one at a time, a turn of the event loop each,
 * and whatever is still waiting when the listener is closed is reset, with the requests on it. The listener should therefore be
 * closed as soon as this resolves, in the same turn.
 * @param maxMs how long it may take at most; callers who never stop connecting do not prolong it beyond one full queue
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

import type { Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** A listener to which connections are made without end is closed all the same. */
const MAX_MS = 200;

/**
 * Lets in the connections that the system has made already. Node accepts them one by one, in the turns of the event loop, and
 * those that wait when the listener is closed are reset, with the requests on them. So it is to be closed as soon as this
 * resolves, in the same turn.
 */
export async function acceptWaiting(server: Server): Promise<void> {
  const begun = performance.now();
  let hasAccepted = false;
  const note = (): void => {
    hasAccepted = true;
  };
  server.on('connection', note);
  await setImmediate();
  do {
    hasAccepted = false;
    // Between two immediates, the event loop looks for connections once.
    await setImmediate();
  } while (hasAccepted && performance.now() - begun < MAX_MS);
  server.off('connection', note);
}

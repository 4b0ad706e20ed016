/** How long the system has to make the connections that were asked for; on a busy machine it does so later. */
const MAKING_MS = 200;

/**
 * Has the system make the connections that this process has just asked for, while nobody accepts them: the event loop stands still
 * meanwhile. Node asks for a connection in the next tick.
 */
export async function makeConnections(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MAKING_MS);
}

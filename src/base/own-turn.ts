import { setImmediate } from 'node:timers/promises';

let last: Promise<void> = Promise.resolve();

/**
 * Waits for a turn of the event loop that no other caller of this function gets. Whoever is about to work for long does so
 * without adding to the work of others like it: between any two of them the event loop serves everybody else.
 */
export function ownTurn(): Promise<void> {
  // The next immediate is asked for only once this one has run, so that the two belong to different turns.
  last = last.then(() => setImmediate());
  return last;
}

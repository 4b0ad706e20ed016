import type { EventEmitter } from 'node:events';
import type { Clock } from './clock.ts';

/** Sleeps for `ms` milliseconds, or until the signal aborts: it then returns early and does not throw. */
export async function pause(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Waits for the next event of this name, or until the signal aborts: it then returns early and does not throw. */
export function nextEvent(emitter: EventEmitter, name: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) return Promise.resolve();
  const done = (): void => {
    emitter.off(name, done);
    signal.removeEventListener('abort', done);
    resolve();
  };
  emitter.once(name, done);
  signal.addEventListener('abort', done, { once: true });
  return promise;
}

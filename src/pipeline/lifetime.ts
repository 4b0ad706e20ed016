import { systemClock } from '../base/clock.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { CallError } from '../status/call-error.ts';

/** How long a call may live, as one signal. */
export interface Lifetime {
  /** Aborts, with a CallError as the reason, when the call has to end. */
  readonly signal: AbortSignal;
  /** Rejects with that CallError. Never resolves. */
  readonly ended: Promise<never>;
  /** Has to be called when the call is done: it takes the timer and the listeners away. */
  release(): void;
}

/**
 * Binds a call to its deadline and to everything else that can end it.
 * @param deadline milliseconds since the epoch
 * @param sources signals whose reasons are CallErrors: caller gone, service going down
 */
export function createLifetime(
  deadline: number,
  sources: readonly AbortSignal[],
  now = systemClock.now,
): Lifetime {
  const controller = new AbortController();
  const end = (reason: unknown): void => controller.abort(CallError.from(reason));
  const listeners = sources.map((source) => {
    const listener = (): void => end(source.reason);
    if (source.aborted) listener();
    else source.addEventListener('abort', listener, { once: true });
    return { source, listener };
  });
  const timer = setTimeout(
    () => end(deadlineExceeded()),
    Math.min(Math.max(0, deadline - now()), MAX_TIMER_MS),
  );
  const ended = new Promise<never>((_resolve, reject) => {
    if (controller.signal.aborted) reject(controller.signal.reason);
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  // Whatever races against it sees the rejection; once the call is done, nothing does any more.
  ended.catch(() => undefined);
  return {
    signal: controller.signal,
    ended,
    release: () => {
      clearTimeout(timer);
      for (const { source, listener } of listeners) source.removeEventListener('abort', listener);
    },
  };
}

/** The error of a call whose time is up. */
export function deadlineExceeded(): CallError {
  return new CallError(
    'DEADLINE_EXCEEDED',
    'DEADLINE_EXCEEDED',
    'The deadline of the call passed before it was done.',
  );
}

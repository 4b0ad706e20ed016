import type { Clock } from '../base/clock.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import { outcomeUnknown } from './outcome.ts';
import type { Stage, VultrRequest, VultrResponse } from './request.ts';

/**
 * Ends a request when its deadline passes (DEADLINE_EXCEEDED) or its signal aborts (the signal's reason, or CANCELLED).
 * The caller hears of it at once and does not wait until the stages below have stopped: undici, for one, holds a request
 * that has no connection yet until it gets one. A read whose signal aborts at the deadline by itself is left to that: whoever
 * made the signal does not wait either, and there is nothing to add to its reason.
 */
export function enforceDeadline(clock: Clock): Stage {
  return (next) => (request, context) => {
    const { signal: given, deadline } = context;
    if (given.aborted) return Promise.reject(abortError(given));
    const leftMs = deadline - clock.now();
    if (leftMs <= 0) return Promise.reject(deadlineExceeded(request, 'no'));

    if (context.abortsAtDeadline === true && request.kind !== 'change') return next(request, context);
    // How far a read got does not matter, and a shared one does not know.
    let reached: 'no' | 'maybe' = request.kind === 'change' ? 'no' : 'maybe';
    const onSend = (): void => {
      reached = 'maybe';
      context.onSend?.();
    };
    const controller = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<VultrResponse>();
    const release = (): void => {
      clearTimeout(timer);
      given.removeEventListener('abort', onAbort);
    };
    const end = (error: CallError): void => {
      release();
      controller.abort(error);
      // A response that came in the same moment wins: nobody could get it a second time.
      queueMicrotask(() => reject(error));
    };
    const onAbort = (): void => end(abortError(given));
    const timer = setTimeout(() => end(deadlineExceeded(request, reached)), Math.min(leftMs, MAX_TIMER_MS));
    given.addEventListener('abort', onAbort, { once: true });
    next(request, { signal: controller.signal, deadline, onSend }).then(
      (response) => {
        release();
        resolve(response);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
    return promise;
  };
}

function deadlineExceeded(request: VultrRequest, reached: 'no' | 'maybe'): CallError {
  const text = 'The deadline of the call passed before Vultr answered.';
  const rest = reached === 'no' ? ' Nothing was sent.' : outcomeUnknown(request);
  return new CallError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', text + rest, { reached });
}

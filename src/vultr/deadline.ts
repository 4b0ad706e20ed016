import type { Clock } from '../base/clock.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import { outcomeUnknown } from './outcome.ts';
import type { Stage, VultrRequest, VultrResponse } from './request.ts';

/**
 * Ends a request when its deadline passes (DEADLINE_EXCEEDED) or its signal aborts (the signal's reason, or CANCELLED).
 * The caller hears of it at once and does not wait until the stages below have stopped: undici, for one, holds a request
 * that has no connection yet until it gets one.
 */
export function enforceDeadline(clock: Clock): Stage {
  return (next) => async (request, context) => {
    const { signal: given, deadline } = context;
    if (given.aborted) throw abortError(given);
    const leftMs = deadline - clock.now();
    if (leftMs <= 0) throw deadlineExceeded(request, 'no');

    // How far a read got does not matter, and a shared one does not know.
    let reached: 'no' | 'maybe' = request.kind === 'change' ? 'no' : 'maybe';
    const onSend = (): void => {
      reached = 'maybe';
      context.onSend?.();
    };
    const controller = new AbortController();
    const work = next(request, { signal: controller.signal, deadline, onSend });
    return await new Promise<VultrResponse>((resolve, reject) => {
      const stop = (error: CallError): void => {
        settle();
        controller.abort(error);
        // Work that was done at the same moment, before this, still counts: its callbacks are in the queue already.
        queueMicrotask(() => reject(error));
      };
      const onAbort = (): void => stop(abortError(given));
      const timer = setTimeout(
        () => stop(deadlineExceeded(request, reached)),
        Math.min(leftMs, MAX_TIMER_MS),
      );
      const settle = (): void => {
        clearTimeout(timer);
        given.removeEventListener('abort', onAbort);
      };
      given.addEventListener('abort', onAbort, { once: true });
      // The signal may have aborted while the work began.
      if (given.aborted) onAbort();
      work.then(
        (response) => {
          settle();
          resolve(response);
        },
        (error: unknown) => {
          settle();
          reject(error);
        },
      );
    });
  };
}

function deadlineExceeded(request: VultrRequest, reached: 'no' | 'maybe'): CallError {
  const text = 'The deadline of the call passed before Vultr answered.';
  const rest = reached === 'no' ? ' Nothing was sent.' : outcomeUnknown(request);
  return new CallError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', text + rest, { reached });
}

import { CallError } from './call-error.ts';

/** Why a signal was aborted, as an error for the caller: its reason if that is a CallError, otherwise CANCELLED. */
export function abortError(signal: AbortSignal): CallError {
  if (signal.reason instanceof CallError) return signal.reason;
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The call was cancelled before Vultr responded.', {
    cause: signal.reason,
  });
}

/**
 * Waits for work on behalf of a caller who may leave. The work itself goes on; whoever started it ends it.
 * @param onAbort called when the signal aborts before the work is done
 * @throws CallError the reason of the abort, at once when the signal aborts; and whatever the work throws
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      onAbort?.();
      // Work that was done in the same moment wins.
      queueMicrotask(() => reject(abortError(signal)));
    };
    work.then(
      (value) => {
        signal.removeEventListener('abort', abort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

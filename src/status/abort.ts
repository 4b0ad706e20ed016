import { CallError } from './call-error.ts';

/** Why a signal was aborted, as an error for the caller: its reason if that is a CallError, otherwise CANCELLED. */
export function abortError(signal: AbortSignal): CallError {
  if (signal.reason instanceof CallError) return signal.reason;
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The call was cancelled before Vultr responded.', {
    cause: signal.reason,
  });
}

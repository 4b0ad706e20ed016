import { CallError } from './call-error.ts';

/** Why a signal aborted, as an error for the caller: its reason when that is a CallError, else CANCELLED. */
export function abortError(signal: AbortSignal): CallError {
  if (signal.reason instanceof CallError) return signal.reason;
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The call was cancelled before Vultr answered.', {
    cause: signal.reason,
  });
}

import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import type { Lifetime } from './lifetime.ts';

/** What ended a call: when its lifetime did, that counts, unless the handler knows that the outcome is open. */
export function endOf(lifetime: Lifetime, thrown: unknown): CallError {
  const knowsBetter = thrown instanceof CallError && thrown.reason === 'CREATE_UNCERTAIN';
  const reason = lifetime.endReason;
  if (reason === undefined || knowsBetter) return CallError.from(thrown);
  // Each caller is told a time of its own, so that they do not come to the next replica together.
  return reason.reason === 'SHUTTING_DOWN' ? shuttingDown() : reason;
}

/** The error of a call that ends because the service does. */
export function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'This replica of the service is shutting down. Call again: another replica serves the call.',
    { retryDelayMs: spreadRetry(1_000, Math.random) },
  );
}

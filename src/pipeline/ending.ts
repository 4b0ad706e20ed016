import { CallError } from '../status/call-error.ts';
import type { Lifetime } from './lifetime.ts';

/** What ended a call: when its lifetime did, that counts, unless the handler knows that the outcome is open. */
export function endOf(lifetime: Lifetime, thrown: unknown): CallError {
  const knowsBetter = thrown instanceof CallError && thrown.reason === 'CREATE_UNCERTAIN';
  const reason = lifetime.endReason;
  return reason === undefined || knowsBetter ? CallError.from(thrown) : reason;
}

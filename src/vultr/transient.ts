import type { CallError } from '../status/call-error.ts';
import { ConnectionFailure } from './connection-errors.ts';

/** The statuses that say "not now" and nothing about the request. */
const TRANSIENT_STATUSES: readonly number[] = [502, 503, 504];

/** Whether a failure says that Vultr, or the way to it, is out of order; a locked server, a 429 or a 500 does not. */
export function isTransient(error: CallError): boolean {
  if (error.cause instanceof ConnectionFailure) return true;
  return error.code === 'UNAVAILABLE' && TRANSIENT_STATUSES.includes(error.vultr?.status ?? 0);
}

/** Whether Vultr's edge sent the request away, because too many came from this address: it did not look at it. */
export function isThrottled(error: CallError): boolean {
  return error.vultr?.status === 429 && error.reached === 'no';
}

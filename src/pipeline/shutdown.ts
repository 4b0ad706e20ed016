import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';

/**
 * The end of the service, as calls see it: it ends all of them together. An abort signal would do the same, but to listen to one takes
 * longer the more others listen to it.
 */
export class Shutdown {
  readonly #ends = new Set<() => void>();
  #hasBegun = false;

  /** Has something ended when it begins; at once when it has begun. */
  add(end: () => void): void {
    if (this.#hasBegun) end();
    else this.#ends.add(end);
  }

  /** Takes that back. */
  delete(end: () => void): void {
    this.#ends.delete(end);
  }

  /** Ends everything, and all that is added later. */
  begin(): void {
    this.#hasBegun = true;
    const ends = [...this.#ends];
    this.#ends.clear();
    for (const end of ends) end();
  }
}

/**
 * The error of a call that ends because the service does. Each caller is told a time of its own, so that they do not come to the
 * next replica together.
 */
export function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'This replica of the service is shutting down. Call again: another replica serves the call.',
    { retryDelayMs: spreadRetry(1_000, Math.random) },
  );
}

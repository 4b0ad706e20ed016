import { spreadRetry } from '../base/spread.ts';
import type { Endable, EndSource } from '../rpc/call-end.ts';
import { CallError } from '../status/call-error.ts';

/**
 * The end of the service, as calls see it: it ends all of them together. An abort signal would do the same, but to listen to one takes
 * longer the more others listen to it.
 */
export class Shutdown implements EndSource {
  readonly #open = new Set<Endable>();
  #hasBegun = false;

  /** Has something ended when it begins; at once when it has begun. */
  add(open: Endable): void {
    if (this.#hasBegun) open.end(shuttingDown());
    else this.#open.add(open);
  }

  /** Takes that back. */
  delete(open: Endable): void {
    this.#open.delete(open);
  }

  /** Ends everything, and all that is added later. */
  begin(): void {
    this.#hasBegun = true;
    const open = [...this.#open];
    this.#open.clear();
    for (const one of open) one.end(shuttingDown());
  }
}

/**
 * The error of a call that ends because the service does. Each caller is told a time of its own, so that they do not come to the
 * next replica together.
 */
function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'This replica of the service is shutting down. Call again: another replica serves the call.',
    { retryDelayMs: spreadRetry(1_000, Math.random) },
  );
}

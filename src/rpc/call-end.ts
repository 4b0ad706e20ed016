import type { CallError } from '../status/call-error.ts';

/** Something that can be ended before its time. */
export interface Endable {
  end(reason: CallError): void;
}

/** Something that can end a call. */
export interface EndSource {
  /** Has something ended when the time comes; at once when it has come. */
  add(endable: Endable): void;
  /** Takes that back. */
  delete(endable: Endable): void;
}

/**
 * The early end of one call: its caller has left, or may no longer make it. The call itself is told directly. Anybody else reads
 * the signal, which is made when it is first read, since making one and listening to it costs more than all the rest.
 */
export class CallEnd implements EndSource {
  #reason: CallError | undefined;
  #call: Endable | undefined;
  #controller: AbortController | undefined;

  /** Aborts at the end; its reason is a CallError. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** There is one call, so a second one takes the place of the first. */
  add(call: Endable): void {
    if (this.#reason === undefined) this.#call = call;
    else call.end(this.#reason);
  }

  delete(call: Endable): void {
    if (this.#call === call) this.#call = undefined;
  }

  /** Ends the call. Only the first reason counts. */
  begin(reason: CallError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#call?.end(reason);
    this.#controller?.abort(reason);
  }
}

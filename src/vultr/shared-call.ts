import { abortError, untilAborted } from '../status/abort.ts';
import type { Send, SendContext, VultrRequest, VultrResponse } from './request.ts';

/**
 * One request to Vultr that several callers wait for. It belongs to none of them: it has a signal of its own, which
 * aborts when the last caller has left, and its deadline is the latest of theirs.
 */
export class SharedCall implements SendContext {
  readonly #next: Send;
  readonly #request: VultrRequest;
  readonly #onEnd: () => void;
  readonly #controller = new AbortController();
  #response: Promise<VultrResponse> | undefined;
  #callers = 0;
  #deadline = 0;
  #isOver = false;

  /**
   * Prepares the request; the first caller who joins has it sent.
   * @param onEnd called once, when the request is over or nobody waits for it any more
   */
  constructor(next: Send, request: VultrRequest, onEnd: () => void) {
    this.#next = next;
    this.#request = request;
    this.#onEnd = onEnd;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Read anew by whoever decides by it: a later caller may have more time than the first. */
  get deadline(): number {
    return this.#deadline;
  }

  /**
   * Waits for the response on behalf of one caller, whose signal has not aborted yet.
   * @throws CallError what the request failed with, or, at once, why the caller's signal aborted
   */
  join({ signal, deadline }: SendContext): Promise<VultrResponse> {
    this.#callers += 1;
    this.#deadline = Math.max(this.#deadline, deadline);
    this.#response ??= this.#send();
    return untilAborted(this.#response, signal, () => this.#leave(signal));
  }

  async #send(): Promise<VultrResponse> {
    try {
      return await this.#next(this.#request, this);
    } finally {
      this.#end();
    }
  }

  #leave(signal: AbortSignal): void {
    this.#callers -= 1;
    if (this.#callers > 0 || this.#isOver) return;
    this.#end();
    this.#controller.abort(abortError(signal));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
  }
}

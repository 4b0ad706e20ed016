import { abortError, untilAborted } from '../status/abort.ts';
import type { Send, SendContext, VultrRequest, VultrResponse } from './request.ts';

/**
 * One request to Vultr that several callers wait for. It belongs to none of them: it has a signal of its own, which
 * aborts when the last caller has left, and its deadline is the latest of theirs.
 */
export class SharedCall implements SendContext {
  readonly #next: Send;
  readonly #onEnd: () => void;
  readonly #controller = new AbortController();
  #response: Promise<VultrResponse> | undefined;
  #callers = 0;
  #deadline = 0;
  #isOver = false;

  /**
   * The first caller who joins has the request sent.
   * @param onEnd called once, when the request is over or nobody waits for it any more
   */
  constructor(next: Send, onEnd: () => void) {
    this.#next = next;
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
   * @param request the same for all of them
   * @throws CallError what the request failed with, or, at once, why the caller's signal aborted
   */
  join(request: VultrRequest, { signal, deadline }: SendContext): Promise<VultrResponse> {
    this.#callers += 1;
    this.#deadline = Math.max(this.#deadline, deadline);
    this.#response ??= this.#send(request);
    return untilAborted(this.#response, signal, () => this.#leave(signal));
  }

  async #send(request: VultrRequest): Promise<VultrResponse> {
    try {
      return await this.#next(request, this);
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
    // What was in a map may stay in memory for seconds (docs/performance.md, Garbage), so it lets go of what it leads to.
    this.#response = undefined;
    this.#onEnd();
  }
}

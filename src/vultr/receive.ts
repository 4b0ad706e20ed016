import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { abortError } from '../status/abort.ts';
import type { BodyRoom, BodySpace } from './body-room.ts';

/** A response as it came. */
export interface ReceivedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** What a response is received with. */
export interface ReceiveOptions {
  readonly room: BodyRoom;
  /** Ends the request, and its connection with it. */
  readonly signal: AbortSignal;
}

/** The first status of a response; those below it are news of a request that is under way. */
const FIRST_FINAL_STATUS = 200;

/**
 * Receives a response as undici hands it over, piece by piece, as fast as there is room for it. undici's own request() makes a
 * stream of the pieces, which costs as much as everything else that it does.
 */
export class Receiver implements Dispatcher.DispatchHandler {
  /** The response, once it is whole. Rejects with what undici failed with, or was told to fail with. */
  readonly response: Promise<ReceivedResponse>;
  /** How far it came. */
  phase: 'headers' | 'body' = 'headers';
  readonly #options: ReceiveOptions;
  readonly #settle: PromiseWithResolvers<ReceivedResponse>;
  readonly #onAbort = (): void => this.#abort();
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #space: BodySpace | undefined;

  constructor(options: ReceiveOptions) {
    this.#options = options;
    this.#settle = Promise.withResolvers();
    this.response = this.#settle.promise;
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#options.signal.aborted) this.#abort();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < FIRST_FINAL_STATUS) return;
    this.phase = 'body';
    this.#status = status;
    this.#headers = headers;
    this.#space = this.#options.room.open();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    const waiting = this.#space?.take(chunk.length);
    if (waiting === undefined) return;
    controller.pause();
    // Once the request is over, nobody gives the room any more.
    void waiting.then(() => controller.resume());
  }

  onResponseEnd(): void {
    this.#release();
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#settle.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    this.#settle.reject(error);
  }

  /** Before the request has a connection, it waits for one all the same; it is ended when it gets it. */
  #abort(): void {
    this.#controller?.abort(abortError(this.#options.signal));
  }

  #release(): void {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#space?.release();
  }
}

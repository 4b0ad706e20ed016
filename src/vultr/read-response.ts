import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { abortError } from '../status/abort.ts';
import type { BodyRoom, BodySpace } from './body-room.ts';
import { toConnectionError } from './connection-errors.ts';
import type { VultrRequest } from './request.ts';

/** A response that came whole. */
export interface WholeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** What a response is read for, and what bounds it. */
export interface ReadOptions {
  readonly request: VultrRequest;
  /** The room for bodies: one that finds none waits, and with it its connection. */
  readonly room: BodyRoom;
  /** Has not aborted yet. */
  readonly signal: AbortSignal;
}

/**
 * Sends a request and reads its response as fast as there is room for it. undici's own `request` would make a stream of every body;
 * nobody reads a part of one here, so its bytes are gathered where they come in.
 * @throws CallError why the signal aborted, at once, or how the connection failed
 */
export function readResponse(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: ReadOptions,
): Promise<WholeResponse> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(request, new ResponseReader(options, resolve, reject));
  });
}

class ResponseReader implements Dispatcher.DispatchHandler {
  readonly #options: ReadOptions;
  readonly #resolve: (response: WholeResponse) => void;
  readonly #reject: (error: Error) => void;
  /** Undefined: no connection has taken the request yet. */
  #controller: Dispatcher.DispatchController | undefined;
  /** Undefined: no head has come yet. */
  #head: Pick<WholeResponse, 'status' | 'headers'> | undefined;
  #space: BodySpace | undefined;
  readonly #chunks: Uint8Array[] = [];
  #isOver = false;

  constructor(
    options: ReadOptions,
    resolve: (response: WholeResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    options.signal.addEventListener('abort', this);
  }

  /** The signal has aborted: a reader is the listener itself, so that none has to be made. */
  handleEvent(): void {
    const error = abortError(this.#options.signal);
    this.#end();
    this.#reject(error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Whoever asked has left while the request waited for a connection.
    if (this.#isOver) controller.abort(abortError(this.#options.signal));
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // What comes before the response itself, such as 103 Early Hints, is of no interest.
    if (status < 200) return;
    this.#head = { status, headers };
    this.#space = this.#options.room.open();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#chunks.push(chunk);
    const waiting = this.#space?.take(chunk.length);
    if (waiting === undefined) return;
    controller.pause();
    void waiting.then(() => controller.resume());
  }

  onResponseEnd(): void {
    if (this.#isOver || this.#head === undefined) return;
    this.#end();
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#head.status, headers: this.#head.headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#isOver) return;
    const phase = this.#head === undefined ? 'headers' : 'body';
    this.#end();
    this.#reject(toConnectionError(this.#options.request, phase, error));
  }

  #end(): void {
    this.#isOver = true;
    this.#options.signal.removeEventListener('abort', this);
    this.#space?.release();
  }
}

import type { IncomingMessage } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { HttpLimits } from '../options.ts';

/** How long a caller whose response is complete may take to end its request, before it is told to stop. */
const LINGER_MS = 250;

/**
 * Ends streams of HTTP/2 whose requests are done with, as far as the server is concerned: the rest of a body may still come,
 * and the rest of a response may wait to be read. Both are bounded, the latter in time and in memory.
 */
export class StreamEndings {
  readonly #limits: HttpLimits;
  /** What waits to be read on each stream, the one that has waited for longest first. */
  readonly #unread = new Map<ServerHttp2Stream, number>();
  #unreadBytes = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** @param response undefined when there was none */
  begin(stream: ServerHttp2Stream, response: IncomingMessage | undefined): void {
    if (stream.closed) return;
    // Left unread it would take the place of what the other requests of the connection send.
    stream.unpipe();
    stream.resume();
    // A caller that goes on although it has been sent the whole response is asked to stop (RFC 9113, section 8.1).
    const linger = (): void => {
      clearTimeout(timer);
      this.#release(stream);
      timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS);
    };
    let timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), this.#limits.writeTimeoutMs);
    stream.once('close', () => {
      clearTimeout(timer);
      this.#release(stream);
    });
    if (stream.writableFinished) {
      linger();
      return;
    }
    stream.once('finish', linger);
    this.#hold(stream, stream.writableLength + (response?.readableLength ?? 0));
  }

  #hold(stream: ServerHttp2Stream, bytes: number): void {
    this.#unread.set(stream, bytes);
    this.#unreadBytes += bytes;
    for (const [oldest] of this.#unread) {
      if (this.#unreadBytes <= this.#limits.maxUnreadBytes) return;
      this.#release(oldest);
      oldest.close(constants.NGHTTP2_CANCEL);
    }
  }

  #release(stream: ServerHttp2Stream): void {
    this.#unreadBytes -= this.#unread.get(stream) ?? 0;
    this.#unread.delete(stream);
  }
}

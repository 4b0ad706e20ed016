import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import { prefersEventStream } from './accept.ts';
import { toStatusText } from './error-body.ts';
import { EVENT_STREAM, JSON_LINES, type StreamFormat } from './stream-format.ts';

/** What a stream is answered with besides its messages. */
export interface StreamOptions {
  /** Headers, read once the first message is there. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly toJson: (reply: Reply) => Uint8Array;
  readonly heartbeatMs: number;
  /** How long the caller may leave what was written unread. */
  readonly writeTimeoutMs: number;
  /** Aborts when the caller left. */
  readonly signal: AbortSignal;
}

/**
 * Sends a stream of replies, each as soon as it is there and no faster than the caller reads. The answer begins with the
 * first message: a failure before it is thrown, for an ordinary error answer. A failure after it is the last line; the
 * stream never just ends.
 *
 * @throws what the stream throws before its first message
 */
export async function sendStream(
  response: ServerResponse,
  replies: AsyncIterable<Reply>,
  options: StreamOptions,
): Promise<void> {
  const format = prefersEventStream(response.req.headers.accept) ? EVENT_STREAM : JSON_LINES;
  const iterator = replies[Symbol.asyncIterator]();
  const first = await iterator.next();
  writeHead(response, format, options.headers());
  if (response.req.method === 'HEAD') {
    await iterator.return?.();
    response.end();
    return;
  }
  const heartbeat = startHeartbeat(response, format, options.heartbeatMs);
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      await write(response, format.message(options.toJson(next.value)), options);
      heartbeat.refresh();
    }
    response.end(format.end);
  } catch (thrown) {
    response.end(format.error(toStatusText(CallError.from(thrown))));
  } finally {
    clearInterval(heartbeat);
    await iterator.return?.();
  }
}

function writeHead(
  response: ServerResponse,
  format: StreamFormat,
  headers: Readonly<Record<string, string>>,
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-type', format.contentType);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  // nginx and those like it would hold the messages back.
  response.setHeader('x-accel-buffering', 'no');
  response.appendHeader('vary', 'Accept');
  response.flushHeaders();
}

function startHeartbeat(response: ServerResponse, format: StreamFormat, heartbeatMs: number): NodeJS.Timeout {
  return setInterval(() => {
    // A caller that does not read gets no more of them.
    if (format.heartbeat !== '' && !response.writableNeedDrain) response.write(format.heartbeat);
  }, heartbeatMs);
}

/** Writes, and waits until the caller has read enough for more. A caller that reads nothing loses its connection. */
async function write(response: ServerResponse, text: string, options: StreamOptions): Promise<void> {
  if (options.signal.aborted) throw options.signal.reason;
  if (response.write(text)) return;
  const stalled = setTimeout(() => response.destroy(), options.writeTimeoutMs);
  try {
    await once(response, 'drain', { signal: options.signal });
  } finally {
    clearTimeout(stalled);
  }
}

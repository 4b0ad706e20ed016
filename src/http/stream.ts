import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Reply } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import { prefersEventStream } from './accept.ts';
import { toStatusText } from './errors.ts';

/** How the messages of a stream are written. All texts are whole lines. */
interface StreamFormat {
  readonly contentType: string;
  /** One message, of its JSON; `eventText` is how it wants to stand in a stream of events. */
  message(json: Uint8Array, eventText?: string): string;
  /** The last thing that is written when the stream fails, of the JSON of google.rpc.Status. */
  error(status: string): string;
  /** The last thing that is written when the stream ends well. */
  readonly end: string;
  /** What is written after a while without a message; "" for nothing. */
  readonly heartbeat: string;
}

/** Newline-delimited JSON: a line for each message; a failure is a last line `{"error": …}`. */
const JSON_LINES: StreamFormat = {
  contentType: 'application/x-ndjson',
  message: (json) => `${singleLine(json)}\n`,
  error: (status) => `{"error":${status}}\n`,
  end: '',
  heartbeat: '',
};

/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): an event for each message; a
 * failure is a last `event: error`. A good end is `event: end`: a browser's EventSource takes a closed connection for
 * a failure and connects again, so a page needs a word on which to close it.
 */
const EVENT_STREAM: StreamFormat = {
  contentType: 'text/event-stream',
  message: (json, eventText) => eventText ?? `data: ${singleLine(json)}\n\n`,
  error: (status) => `event: error\ndata: ${status}\n\n`,
  end: 'event: end\ndata: {}\n\n',
  heartbeat: ':\n\n',
};

/** JSON has line breaks between its tokens only: inside of a string they are escaped. */
function singleLine(json: Uint8Array): string {
  return Buffer.from(json)
    .toString('utf8')
    .replace(/[\r\n]+/g, ' ');
}

/** What belongs to a stream besides its messages. */
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
 * Sends a stream of replies, each as soon as it is there and no faster than the caller reads. The response begins with
 * the first message: a failure before it is thrown, for an ordinary error response. A failure after it is the last line; the
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
      await writeChunk(
        response,
        format.message(options.toJson(next.value), next.value.eventText?.()),
        options,
      );
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
  // nginx and similar proxies would hold the messages back.
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
export async function writeChunk(
  response: ServerResponse,
  chunk: string | Uint8Array,
  options: Pick<StreamOptions, 'signal' | 'writeTimeoutMs'>,
): Promise<void> {
  if (options.signal.aborted) throw options.signal.reason;
  if (response.write(chunk)) return;
  const stalled = setTimeout(() => response.destroy(), options.writeTimeoutMs);
  try {
    await once(response, 'drain', { signal: options.signal });
  } finally {
    clearTimeout(stalled);
  }
}

/** How the messages of a stream are written. All texts are whole lines. */
export interface StreamFormat {
  readonly contentType: string;
  /** One message, of its JSON. */
  message(json: Uint8Array): string;
  /** The last thing that is written when the stream fails, of the JSON of google.rpc.Status. */
  error(status: string): string;
  /** The last thing that is written when the stream ends well. */
  readonly end: string;
  /** What is written when there is no news for a while; "" for nothing. */
  readonly heartbeat: string;
}

/** Newline-delimited JSON: a line for each message; a failure is a last line `{"error": …}`. */
export const JSON_LINES: StreamFormat = {
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
export const EVENT_STREAM: StreamFormat = {
  contentType: 'text/event-stream',
  message: (json) => `data: ${singleLine(json)}\n\n`,
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

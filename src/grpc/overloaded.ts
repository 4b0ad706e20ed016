import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { CallError } from '../status/call-error.ts';
import { stopReading, trailersOnly } from './status.ts';

/** The headers of refusals that are sent by the thousand, by their errors, of which there are few. */
const headersOf = new WeakMap<CallError, OutgoingHttpHeaders>();

/** Refuses a call for which the service has no time, at the least cost. It is counted and not logged. */
export function sendOverloaded(stream: ServerHttp2Stream, error: CallError, requestId: string): void {
  if (stream.closed) return;
  let headers = headersOf.get(error);
  if (headers === undefined) {
    headers = trailersOnly(error);
    headersOf.set(error, headers);
  }
  stream.respond({ ...headers, 'x-request-id': requestId }, { endStream: true });
  stopReading(stream);
}

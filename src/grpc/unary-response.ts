import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { ACCEPTED_ENCODINGS } from './inflate.ts';
import { toFrame } from './kept-frames.ts';
import { addHeaders } from './metadata.ts';
import type { UnaryResponse } from './open-call.ts';

const RESPOND = { waitForTrailers: true } as const;

/** Sends the headers of a successful response. */
export function sendResponseHeaders(stream: ServerHttp2Stream, metadata: ReadonlyMap<string, string>): void {
  const headers: OutgoingHttpHeaders = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-accept-encoding': ACCEPTED_ENCODINGS,
    'grpc-encoding': 'identity',
  };
  stream.respond(addHeaders(headers, metadata), RESPOND);
}

/**
 * Sends the one message of a response, and the status. Both are handed over at once, so that they need not go through
 * the event loop twice.
 * @param onTaken called once the connection has taken the message
 */
export function sendMessageAndTrailers(
  stream: ServerHttp2Stream,
  { message, trailers }: Pick<UnaryResponse, 'message' | 'trailers'>,
  onTaken: () => void,
): void {
  if (stream.closed || stream.destroyed) return;
  stream.on('wantTrailers', () => {
    // The stream may have been reset while its last bytes went out.
    if (stream.closed || stream.destroyed) return;
    stream.sendTrailers(addHeaders({ 'grpc-status': status.OK, 'grpc-message': '' }, trailers));
  });
  stream.write(toFrame(message), (error) => {
    // A stream that cannot be written to ends, and the call with it.
    if (error === undefined || error === null) onTaken();
  });
  stream.end();
}

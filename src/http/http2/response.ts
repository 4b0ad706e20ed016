import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

/** Headers that concern one connection (RFC 9113, section 8.2.2), and those for which the bridge answers itself. */
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'expect',
  'host',
]);

function goesOn(name: string): boolean {
  return !name.startsWith(':') && !OF_CONNECTION.has(name);
}

/** The headers of a request that go on, without those of HTTP/2 itself and of the connection: names and values in turn. */
export function plainRawHeaders(raw: readonly string[]): string[] {
  return raw.flatMap((name, index) => (index % 2 === 0 && goesOn(name) ? [name, raw[index + 1] ?? ''] : []));
}

function plainHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => goesOn(name)));
}

/** A response up to this size is sent in one piece. */
const MAX_PIECE_BYTES = 64 * 1024;

/**
 * Sends a response of HTTP/1.1 on a stream of HTTP/2. One that is there as a whole is sent as a whole, its end included: a
 * caller that is still sending may stop in the middle of its body as soon as it sees the headers, as connect-go does. That
 * makes a request with a length malformed (RFC 9113, section 8.1.1), for which nghttp2 resets the stream, and what had
 * not been sent by then would be lost.
 */
export function sendOverHttp2(stream: ServerHttp2Stream, response: IncomingMessage): void {
  const pieces: Buffer[] = [];
  let length = 0;
  const begin = (): boolean => {
    response.off('data', onData).off('end', onEnd);
    clearImmediate(turn);
    if (stream.destroyed || stream.closed) return false;
    stream.respond({ ':status': response.statusCode, ...plainHeaders(response.headers) });
    return true;
  };
  const goOn = (): void => {
    if (!begin()) return;
    for (const piece of pieces) stream.write(piece);
    response.pipe(stream);
  };
  const onData = (piece: Buffer): void => {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_PIECE_BYTES) goOn();
  };
  const onEnd = (): void => {
    if (!begin()) return;
    if (length > 0) stream.end(Buffer.concat(pieces));
    else stream.end();
  };
  // Without a length it may be a stream of which nothing more will come for a long time. What comes in this turn still counts.
  const turn = response.headers['content-length'] === undefined ? setImmediate(goOn) : undefined;
  response.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  response.on('data', onData).on('end', onEnd);
}

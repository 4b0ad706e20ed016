import { type IncomingMessage, request as openRequest, type Server } from 'node:http';
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import type { Connections } from './connections.ts';
import type { HttpLimits } from './options.ts';

/** What node says of a connection whose first bytes are those of HTTP/2, and what these are (RFC 9113, section 3.4). */
const IS_HTTP2 = 'HPE_PAUSED_H2_UPGRADE';
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

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

/** A fault that node has found in what arrived on a connection. */
export type ParseError = Error & {
  readonly code?: string;
  readonly rawPacket?: Buffer;
  /** How many bytes of the packet have been read. */
  readonly bytesParsed?: number;
};

/** What the parser of a connection can do beside what its type says. */
interface ParsedSocket extends Socket {
  readonly parser?: { unconsume?(): void; remove?(): void } | null;
}

/**
 * Serves callers who speak HTTP/2 without TLS, as clients of Connect do for streams in both directions. Each of their requests
 * goes to the server as one of HTTP/1.1, on a connection of its own inside this process, so that every bound and every rule
 * of the HTTP side holds for it.
 */
export class Http2Bridge {
  readonly #server: Server;
  readonly #limits: HttpLimits;
  readonly #http2;
  readonly #connections: Connections;
  /** The sockets of the sessions, and how many requests are under way on each. */
  readonly #sessions = new Map<ServerHttp2Session, { readonly socket: Socket; requests: number }>();

  constructor(server: Server, limits: HttpLimits, connections: Connections) {
    this.#connections = connections;
    this.#server = server;
    this.#limits = limits;
    this.#http2 = createServer({
      // Headers over the bound are refused by HTTP/1.1, in words; what is far over it never gets there.
      settings: { maxConcurrentStreams: limits.maxPipelined, maxHeaderListSize: 2 * limits.maxHeaderBytes },
    });
    // The streams of a server are of this class, which the declaration of the event leaves open.
    this.#http2.on('stream', (stream, headers) => this.#serve(stream as ServerHttp2Stream, headers));
    // A connection that breaks is over for its requests, too; that is all there is to do.
    this.#http2.on('sessionError', () => undefined);
  }

  /** Takes a connection over from the parser of HTTP/1.1, if it is one of HTTP/2. Returns whether it is. */
  take(socket: ParsedSocket, { code, rawPacket, bytesParsed = PREFACE.length }: ParseError): boolean {
    if (code !== IS_HTTP2 || rawPacket === undefined) return false;
    for (const event of ['data', 'end', 'drain', 'timeout', 'pause', 'resume'])
      socket.removeAllListeners(event);
    // The parser lets go of the socket, and the server no longer waits for the end of a request on it.
    socket.parser?.unconsume?.();
    socket.parser?.remove?.();
    socket.pause();
    // The preface may have come in pieces, of which only the last is at hand.
    socket.unshift(Buffer.concat([PREFACE, rawPacket.subarray(bytesParsed)]));
    this.#http2.once('session', (session) => this.#open(session, socket));
    this.#http2.emit('connection', socket);
    return true;
  }

  /** Tells every caller to go, once its requests are done. */
  close(): void {
    for (const session of this.#sessions.keys()) session.close();
  }

  #open(session: ServerHttp2Session, socket: Socket): void {
    this.#sessions.set(session, { socket, requests: 0 });
    session.once('close', () => this.#sessions.delete(session));
    session.setTimeout(this.#limits.keepAliveTimeoutMs, () => session.close());
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // The failure of a stream is seen as its end; without a listener it would end the process.
    stream.on('error', () => undefined);
    this.#count(stream);
    const connection = connect(this.#server, stream);
    const outgoing = toRequest(headers, connection);
    if (outgoing === undefined) {
      stream.respond({ ':status': 400 }, { endStream: true });
      return;
    }
    outgoing.on('response', (response) => reply(stream, response, connection));
    outgoing.on('error', () => {
      if (!stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    outgoing.once('close', () => stopReading(stream));
    stream.once('close', () => outgoing.destroy());
    stream.pipe(outgoing);
  }

  /** A connection without a request makes room for others, as one of HTTP/1.1 does. */
  #count(stream: ServerHttp2Stream): void {
    const session = this.#sessions.get(stream.session as ServerHttp2Session);
    if (session === undefined) return;
    session.requests += 1;
    this.#connections.occupy(session.socket);
    stream.once('close', () => {
      session.requests -= 1;
      if (session.requests === 0) this.#connections.rest(session.socket);
    });
  }
}

/** A connection inside this process, to be used like one of a socket. */
interface InnerConnection {
  readonly socket: Duplex;
  /** Puts off the time-out that the server has set. */
  readonly touch: () => void;
}

function connect(server: Server, { session }: ServerHttp2Stream): InnerConnection {
  const [near, far] = duplexPair();
  let timer: NodeJS.Timeout | undefined;
  const socket = Object.assign(far, {
    remoteAddress: session?.socket.remoteAddress,
    remotePort: session?.socket.remotePort,
    destroySoon: () => far.end(),
    setTimeout: (ms: number) => {
      clearTimeout(timer);
      if (ms > 0) timer = setTimeout(() => far.emit('timeout'), ms);
    },
  });
  far.on('error', () => undefined);
  far.once('close', () => {
    clearTimeout(timer);
    // Ends the other side as well, as the end of a socket would.
    near.destroy();
  });
  near.once('close', () => far.destroy());
  server.emit('connection', socket);
  return { socket: near, touch: () => timer?.refresh() };
}

/** Begins the request of HTTP/1.1; undefined: it cannot be one. */
function toRequest(headers: IncomingHttpHeaders, { socket }: InnerConnection) {
  const { ':method': method, ':path': path, ':authority': authority } = headers;
  const host = authority ?? headers.host;
  if (method === 'CONNECT' || path === undefined) return undefined;
  try {
    return openRequest({
      method,
      path,
      createConnection: () => socket,
      setDefaultHeaders: false,
      headers: {
        ...plain(headers),
        ...(host !== undefined && { host }),
        // The length tells where a body ends; without one, chunks do.
        ...(headers['content-length'] === undefined &&
          method !== 'GET' &&
          method !== 'HEAD' && { 'transfer-encoding': 'chunked' }),
        connection: 'close',
      },
    });
  } catch {
    socket.destroy();
    return undefined;
  }
}

/** How long a caller whose response is complete may take to end its request, before it is cut off. */
const LINGER_MS = 250;

/**
 * Throws away what is still to come of a request that nobody reads any more. Left unread it would take the place of what the
 * other requests of the connection send.
 */
function stopReading(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.closed) return;
  stream.unpipe();
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS);
  stream.once('close', () => clearTimeout(timer));
}

function reply(stream: ServerHttp2Stream, response: IncomingMessage, { touch }: InnerConnection): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': response.statusCode, ...plain(response.headers) });
  response.on('data', touch);
  response.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  response.pipe(stream);
}

/** The headers that go on, without those of HTTP/2 itself and of the connection. */
function plain(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(':') && !OF_CONNECTION.has(name)),
  );
}

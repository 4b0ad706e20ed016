import { type IncomingMessage, request as openRequest } from 'node:http';
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Connections } from '../connections.ts';
import type { HttpLimits } from '../options.ts';
import { setCarrier } from './carrier.ts';
import { StreamEndings } from './endings.ts';
import { plainRawHeaders, sendOverHttp2 } from './response.ts';

/** What node says of a connection whose first bytes are those of HTTP/2, and what these are (RFC 9113, section 3.4). */
const IS_HTTP2 = 'HPE_PAUSED_H2_UPGRADE';
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

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

/** A connection of HTTP/2. */
interface Session {
  readonly socket: Socket;
  /** How many requests are under way on it. */
  requests: number;
}

/**
 * Serves callers who speak HTTP/2. Each of their requests goes to the server as one of HTTP/1.1, on a connection of its own
 * inside this process, so that every bound and every rule of the HTTP side holds for it.
 */
export class Http2Bridge {
  readonly #accept: (inner: Duplex) => void;
  readonly #limits: HttpLimits;
  readonly #http2;
  readonly #connections: Connections;
  readonly #sessions = new Map<ServerHttp2Session, Session>();
  readonly #endings: StreamEndings;

  /** @param accept has the server take a connection inside this process for one of HTTP/1.1 */
  constructor(limits: HttpLimits, connections: Connections, accept: (inner: Duplex) => void) {
    this.#connections = connections;
    this.#accept = accept;
    this.#limits = limits;
    this.#endings = new StreamEndings(limits);
    this.#http2 = createServer({
      // Headers over the bound are refused by HTTP/1.1, in words; what is far over it never gets there.
      settings: { maxConcurrentStreams: limits.maxPipelined, maxHeaderListSize: 2 * limits.maxHeaderBytes },
    });
    // The streams of a server are of this class, which the declaration of the event leaves open.
    this.#http2.on('stream', (stream, headers, _flags, raw) =>
      this.#serve(stream as ServerHttp2Stream, { headers, raw }),
    );
    // A connection that breaks is over for its requests, too; that is all there is to do.
    this.#http2.on('sessionError', () => undefined);
  }

  /**
   * Takes a connection over from the parser of HTTP/1.1, if it is one of HTTP/2. Returns whether it is. With TLS there is none:
   * there a caller chooses the protocol in the handshake (RFC 9113, section 3.3).
   */
  take(socket: ParsedSocket, { code, rawPacket, bytesParsed = PREFACE.length }: ParseError): boolean {
    if (code !== IS_HTTP2 || rawPacket === undefined || socket instanceof TLSSocket) return false;
    for (const event of ['data', 'end', 'drain', 'timeout', 'pause', 'resume'])
      socket.removeAllListeners(event);
    // The parser lets go of the socket, and the server no longer waits for the end of a request on it.
    socket.parser?.unconsume?.();
    socket.parser?.remove?.();
    socket.pause();
    // HTTP/1.1 has callers who end their side and still read. In HTTP/2 that end is the end of the connection, and nothing else
    // would tell of it when the caller sends no GOAWAY.
    socket.allowHalfOpen = false;
    // The preface may have come in pieces, of which only the last is at hand.
    socket.unshift(Buffer.concat([PREFACE, rawPacket.subarray(bytesParsed)]));
    this.open(socket);
    return true;
  }

  /** Serves a connection from which nothing has been read. */
  open(socket: Socket): void {
    this.#http2.once('session', (session) => this.#keep(session, socket));
    this.#http2.emit('connection', socket);
  }

  /** Tells every caller to go (GOAWAY), once its requests are done. */
  close(): void {
    for (const session of this.#sessions.keys()) session.close();
  }

  #keep(session: ServerHttp2Session, socket: Socket): void {
    const kept: Session = { socket, requests: 0 };
    this.#sessions.set(session, kept);
    this.#connections.setCarrying(socket);
    session.once('close', () => this.#sessions.delete(session));
    session.setTimeout(this.#limits.keepAliveTimeoutMs);
    // A request under way may be silent for longer; its end starts the time anew.
    session.on('timeout', () => {
      if (kept.requests === 0) session.close();
    });
  }

  #serve(stream: ServerHttp2Stream, head: Head): void {
    // The failure of a stream is seen as its end; without a listener it would end the process.
    stream.on('error', () => undefined);
    const http2 = stream.session as ServerHttp2Session;
    const session = this.#sessions.get(http2);
    if (session === undefined) return;
    this.#count(stream, session);
    // What the connection has taken is served; whatever comes after it belongs on another one, as after the last response
    // of HTTP/1.1.
    if (this.#connections.isLeaving(session.socket)) http2.close();
    const connection = connect(session.socket);
    this.#accept(connection.far);
    const outgoing = toRequest(head, stream, connection.near);
    if (outgoing === undefined) {
      stream.respond({ ':status': 400 }, { endStream: true });
      return;
    }
    let answer: IncomingMessage | undefined;
    outgoing.on('response', (response) => {
      answer = response;
      response.on('data', connection.touch);
      sendOverHttp2(stream, response);
    });
    // After the response has begun it tells of a body that nobody takes any more.
    outgoing.on('error', () => {
      if (answer === undefined) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    outgoing.once('close', () => this.#endings.begin(stream, answer));
    stream.once('close', () => outgoing.destroy());
    stream.pipe(outgoing);
  }

  /** A connection without a request makes room for others, as one of HTTP/1.1 does. */
  #count(stream: ServerHttp2Stream, session: Session): void {
    session.requests += 1;
    this.#connections.occupy(session.socket);
    stream.once('close', () => {
      session.requests -= 1;
      if (session.requests === 0) this.#connections.rest(session.socket);
    });
  }
}

/** A connection inside this process, whose far end can be used like a socket. */
interface InnerConnection {
  readonly near: Duplex;
  readonly far: Duplex;
  /** Puts off the time-out that the server has set. */
  readonly touch: () => void;
}

/** @param carrier the connection of the caller */
function connect(carrier: Socket): InnerConnection {
  const [near, duplex] = duplexPair();
  let timer: NodeJS.Timeout | undefined;
  const far = Object.assign(duplex, {
    remoteAddress: carrier.remoteAddress,
    remotePort: carrier.remotePort,
    destroySoon: () => far.end(),
    setTimeout: (ms: number) => {
      clearTimeout(timer);
      if (ms > 0) timer = setTimeout(() => far.emit('timeout'), ms);
    },
  });
  setCarrier(far, carrier);
  far.on('error', () => undefined);
  far.once('close', () => {
    clearTimeout(timer);
    // Ends the other side as well, as the end of a socket would.
    near.destroy();
  });
  near.once('close', () => far.destroy());
  return { near, far, touch: () => timer?.refresh() };
}

/** The head of a request, with its headers as they came: what is given twice must arrive twice. */
interface Head {
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn. */
  readonly raw: readonly string[];
}

/** Begins the request of HTTP/1.1; undefined: it cannot be one. */
function toRequest({ headers, raw }: Head, { endAfterHeaders }: ServerHttp2Stream, socket: Duplex) {
  const { ':method': method, ':path': path, ':authority': authority } = headers;
  const host = authority ?? headers.host;
  if (method === 'CONNECT' || path === undefined) return undefined;
  // The length tells where a body ends; without one, chunks do. Whether there is one does not depend on the method.
  const isChunked = !endAfterHeaders && headers['content-length'] === undefined;
  try {
    return openRequest({
      method,
      path,
      createConnection: () => socket,
      setDefaultHeaders: false,
      headers: [
        ...(host === undefined ? [] : ['host', host]),
        ...plainRawHeaders(raw),
        ...(isChunked ? ['transfer-encoding', 'chunked'] : []),
        ...['connection', 'close'],
      ],
    });
  } catch {
    socket.destroy();
    return undefined;
  }
}

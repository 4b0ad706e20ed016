import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ServerTls } from '../access/server-tls.ts';
import { acceptWaiting } from '../base/accept-waiting.ts';
import { trackSockets } from '../base/open-sockets.ts';
import { turnstile } from '../base/turnstile.ts';
import { formatPeer } from '../rpc/peer.ts';
import type { CallError } from '../status/call-error.ts';
import type { Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import { Connections, type EndCause } from './connections.ts';
import { parseTarget } from './destination.ts';
import {
  classifyClientError,
  malformedRequest,
  refuseConnection,
  toErrorResponse,
  unknownExpectation,
} from './errors.ts';
import type { Exchange } from './exchange.ts';
import { createHandler, type RequestHandler } from './handler.ts';
import { Http2Bridge, type ParseError } from './http2/bridge.ts';
import {
  DEFAULT_HTTP_CONNECTION_LIFE,
  DEFAULT_HTTP_LIMITS,
  type HttpLimits,
  type HttpServerOptions,
} from './options.ts';
import { HeldBytes } from './request-body.ts';
import { sendResponse } from './response.ts';
import { PROBE_PATHS } from './routes/service.ts';

/** The HTTP side, listening. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** From now on, each response is the last one of its connection. Everything is served until close() is called. */
  drain(): void;
  /**
   * Stops listening, closes connections that are idle, and waits for the calls under way.
   * @param graceMs how long at most; what is still under way then is cut off
   */
  close(graceMs: number): Promise<void>;
}

/** The longest time between two searches of Node for requests that take too long. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/**
 * Starts the HTTP side: the operations' HTTP rules with JSON, Connect and gRPC-Web, over HTTP/1.1 and HTTP/2.
 * @throws HttpRuleError when two operations have the same route; what listening fails with, such as EADDRINUSE
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const noteEnd = countConnections(options.meter, () => connections.size);
  const life = { ...DEFAULT_HTTP_CONNECTION_LIFE, ...options.life };
  const connections = new Connections(limits, life, noteEnd);
  const held = new HeldBytes(limits, (socket) => connections.end(socket, 'unread'));
  const handle = createHandler(options, limits, held);
  const { server, incoming, speakHttp1 } = openServer(nodeOptions(limits), options.tls);
  // server.close() calls it. Node's own treats a connection as idle whose response is written but not sent yet, or has others
  // waiting behind it, and would cut it off.
  server.closeIdleConnections = () => connections.endIdle();
  const sockets = trackSockets(server);
  const bridge = new Http2Bridge(limits, connections, (inner) => server.emit(incoming, inner));
  const front = new Front({ options, limits, connections, handle, bridge });

  server.on(incoming, (socket: Socket & { readonly alpnProtocol?: string | false | null }) => {
    connections.add(socket);
    if (socket.destroyed) return;
    if (socket.alpnProtocol === 'h2') bridge.open(socket);
    else speakHttp1?.(socket);
  });
  server.on('request', (request, response) => front.take(request, response, nothing));
  server.on('checkContinue', (request, response) =>
    front.take(request, response, () => response.writeContinue()),
  );
  server.on('checkExpectation', (request, response) => front.refuse(request, response, unknownExpectation()));
  server.on('clientError', (error, socket) => front.refuseBytes(error, socket as Socket));
  await listen(server, options.listen);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    drain: () => connections.drain(),
    close: async (graceMs) => {
      const closed = once(server, 'close');
      const timer = setTimeout(() => sockets.cut(), graceMs);
      await acceptWaiting(server, graceMs);
      connections.close();
      bridge.close();
      server.close();
      await closed;
      clearTimeout(timer);
    },
  };
}

function nodeOptions(limits: HttpLimits) {
  const checkIntervalMs = Math.min(MAX_CHECK_INTERVAL_MS, Math.ceil(limits.requestTimeoutMs / 4));
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.requestTimeoutMs,
    // A body that is read has its own timer, which fails the call properly. This is for those that nobody reads.
    requestTimeout: limits.requestTimeoutMs + 2 * checkIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    // Its absence is refused here, with the same kind of response as everything else.
    requireHostHeader: false,
  };
}

/** A server, and how it learns of connections. */
interface OpenServer {
  readonly server: Server;
  /** With TLS, a connection counts once its handshake is done. */
  readonly incoming: 'connection' | 'secureConnection';
  /** Speaks HTTP/1.1 on a connection; undefined: the server does so by itself. */
  readonly speakHttp1?: (socket: Socket) => void;
}

function openServer(given: ReturnType<typeof nodeOptions>, tls: ServerTls | undefined): OpenServer {
  if (tls === undefined) return { server: createServer(given), incoming: 'connection' };
  // A caller who offers both gets HTTP/2.
  const server = createSecureServer({ ...given, ...tls.options(['h2', 'http/1.1']) });
  // Node's own listener would speak HTTP/1.1 to everybody.
  const own = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  tls.attend(server);
  return {
    server,
    incoming: 'secureConnection',
    speakHttp1: (socket) => {
      for (const each of own) Reflect.apply(each, server, [socket]);
    },
  };
}

async function listen(server: Server, { port, host }: HttpServerOptions['listen']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Registers the metrics of the connections, and returns what counts those that were ended. */
function countConnections(meter: Meter | undefined, open: () => number): (cause: EndCause) => void {
  if (meter === undefined) return () => undefined;
  meter.observed(METRICS.httpOpenConnections, (observe) => observe(open()));
  const ended = meter.counter(METRICS.httpEndedConnections);
  return (cause) => ended.add(1, cause);
}

function nothing(): void {}

async function sendOrEnd(...[response, ...what]: Parameters<typeof sendResponse>): Promise<void> {
  try {
    await sendResponse(response, ...what);
  } catch {
    response.destroy();
  }
}

/** Where requests come in: they are let in and handled, or refused. */
class Front {
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #connections: Connections;
  readonly #handle: RequestHandler;
  readonly #bridge: Http2Bridge;

  constructor(parts: {
    options: HttpServerOptions;
    limits: HttpLimits;
    connections: Connections;
    handle: RequestHandler;
    bridge: Http2Bridge;
  }) {
    this.#options = parts.options;
    this.#limits = parts.limits;
    this.#connections = parts.connections;
    this.#handle = parts.handle;
    this.#bridge = parts.bridge;
  }

  take(request: IncomingMessage, response: ServerResponse, proceed: () => void): void {
    const target = parseTarget(request.url ?? '/');
    const isProbe = PROBE_PATHS.has(target.path);
    const admission = this.#connections.admit(request, response, isProbe);
    if (admission.kind === 'ignored') return;
    if (admission.kind === 'cut') this.#note(request.socket, admission.error);
    else if (admission.kind === 'refused') this.refuse(request, response, admission.error);
    else if (request.headers.host === undefined && request.httpVersion === '1.1')
      this.refuse(request, response, malformedRequest('no Host header'));
    else {
      const { passage } = admission;
      this.#pass({ request, response, target, passage, proceed, waitedMs: 0, route: undefined }, isProbe);
    }
  }

  /** Requests take their turns with everything else of their kind; probes do not wait. */
  #pass(exchange: Exchange, isProbe: boolean): void {
    if (isProbe) this.#handle(exchange);
    else
      turnstile.pass((waitedMs) => {
        exchange.waitedMs = waitedMs;
        this.#handle(exchange);
      });
  }

  /** Refuses a request that is not handled; its connection ends. */
  refuse({ socket }: IncomingMessage, response: ServerResponse, error: CallError): void {
    this.#note(socket, error);
    response.setHeader('connection', 'close');
    response.setTimeout(this.#limits.writeTimeoutMs, () => response.destroy());
    const { status, headers, body } = toErrorResponse(error, undefined);
    void sendOrEnd(response, { status, contentType: 'application/json', body }, headers);
  }

  /** Refuses bytes that are not a request. */
  refuseBytes(error: ParseError, socket: Socket): void {
    // A handshake that failed comes here, too. Nothing can be said on such a connection.
    if (!this.#connections.has(socket)) {
      socket.destroy();
      return;
    }
    if (this.#bridge.take(socket, error)) return;
    const failure = classifyClientError(error, this.#limits);
    const response = this.#connections.latestResponse(socket);
    const isAnswered = response?.headersSent === true && !response.writableFinished;
    if (failure !== undefined) this.#note(socket, failure);
    if (failure === undefined || isAnswered || !socket.writable) socket.destroy();
    else refuseConnection(socket, failure);
  }

  #note(socket: Socket, error: CallError): void {
    this.#options.dispatcher.refused({ transport: 'http', peer: formatPeer(socket), target: '' }, error);
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { CallError } from '../status/call-error.ts';
import { classifyClientError, refuseConnection, toErrorResponse } from './error-response.ts';
import { malformedRequest, tooManyConnections, unknownExpectation } from './errors.ts';
import { createHandler } from './handler.ts';
import { DEFAULT_HTTP_LIMITS, type HttpLimits, type HttpServerOptions } from './options.ts';
import { sendResponse } from './response.ts';
import { formatPeer } from './target.ts';

/** The HTTP side, listening. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /**
   * Stops listening, closes connections that are idle, and waits for the calls under way.
   * @param graceMs how long at most; what is still under way then is cut off
   */
  close(graceMs: number): Promise<void>;
}

/** Connections over the limit that may wait for their refusal; what comes beyond them is dropped without a word. */
const SPARE_CONNECTIONS = 100;

/** How often node looks for requests that take too long, at the least. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/**
 * Starts the HTTP side: the operations' HTTP rules over HTTP/1.1, with JSON.
 * @throws HttpRuleError when two operations have the same route; what listening fails with, such as EADDRINUSE
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const handle = createHandler(options, limits);
  const checkIntervalMs = Math.min(MAX_CHECK_INTERVAL_MS, Math.ceil(limits.requestTimeoutMs / 4));
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.requestTimeoutMs,
    // A body that is read has its own timer, which fails the call properly. This is for those that nobody reads.
    requestTimeout: limits.requestTimeoutMs + 2 * checkIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    // Its absence is refused here, with the same kind of answer as everything else.
    requireHostHeader: false,
  });
  server.maxConnections = limits.maxConnections + SPARE_CONNECTIONS;

  const open = new Set<Socket>();
  const surplus = new WeakSet<Socket>();
  const answering = new WeakMap<Socket, ServerResponse>();
  let isClosing = false;

  function onRequest(request: IncomingMessage, response: ServerResponse, expectation?: '100-continue'): void {
    const { socket } = request;
    answering.set(socket, response);
    response.once('close', () => {
      if (isClosing) server.closeIdleConnections();
    });
    if (isClosing) response.setHeader('connection', 'close');
    if (surplus.has(socket)) refuse(request, response, tooManyConnections(limits));
    else if (request.headers.host === undefined && request.httpVersion === '1.1') {
      refuse(request, response, malformedRequest('no Host header'));
    } else void handle(request, response, expectation);
  }

  function refuse(request: IncomingMessage, response: ServerResponse, error: CallError): void {
    noteRefusal(request.socket, error);
    response.setHeader('connection', 'close');
    const { status, headers, body } = toErrorResponse(error, undefined);
    sendResponse(response, { status, contentType: 'application/json', body }, headers).catch(() =>
      response.destroy(),
    );
  }

  function noteRefusal(socket: Socket, error: CallError): void {
    options.dispatcher.refused({ transport: 'http', peer: formatPeer(socket), target: '' }, error);
  }

  server.on('connection', (socket: Socket) => {
    open.add(socket);
    if (open.size > limits.maxConnections) surplus.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', onRequest);
  server.on('checkContinue', (request, response) => onRequest(request, response, '100-continue'));
  server.on('checkExpectation', (request, response) => refuse(request, response, unknownExpectation()));
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    const failure = classifyClientError(error, limits);
    const response = answering.get(socket as Socket);
    const isAnswered = response?.headersSent === true && !response.writableFinished;
    if (failure !== undefined) noteRefusal(socket as Socket, failure);
    if (failure === undefined || isAnswered || !socket.writable) socket.destroy();
    else refuseConnection(socket, failure);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen.port, options.listen.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;

  return {
    host: address,
    port,
    close: (graceMs) =>
      new Promise((resolve) => {
        isClosing = true;
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

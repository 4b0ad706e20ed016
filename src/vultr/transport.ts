import type { SecureContextOptions } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { holdsSecret } from '../base/secret.ts';
import { abortError, untilAborted } from '../status/abort.ts';
import { parseBaseUrl } from './base-url.ts';
import { BodyRoom } from './body-room.ts';
import { toConnectionError } from './connection-errors.ts';
import { badResponse } from './errors.ts';
import { toHeaders } from './headers.ts';
import type { SendContext, VultrRequest, VultrResponse } from './request.ts';
import { resolveLimits, type TransportLimits } from './transport-limits.ts';

/** The options of the transport. */
export interface TransportOptions {
  readonly baseUrl: string;
  readonly userAgent: string;
  readonly limits: Partial<TransportLimits>;
  /** What new connections are made with, as of now; undefined: what Node has built in. */
  readonly tls?: (() => UpstreamTls) | undefined;
}

/** The certificates for the way to Vultr. */
export type UpstreamTls = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

/** The innermost layer: HTTP/1.1 over a pool of kept-alive connections. */
export interface Transport {
  /** Resolves with any response that came whole, whatever its status; rejects with a CallError. */
  send(request: VultrRequest, context: SendContext): Promise<VultrResponse>;
  /** Lets running requests end for `closeTimeoutMs`, then cuts them off. A second call waits for the first. */
  close(): Promise<void>;
}

/**
 * Creates the transport. It follows no redirect and asks for no compression: responses are small, and a bound on the bytes
 * received is then the bound on the memory used.
 * @throws TypeError when the base URL or a limit is not usable
 */
export function createTransport({ baseUrl, userAgent, limits, tls }: TransportOptions): Transport {
  const { origin, prefix } = parseBaseUrl(baseUrl);
  const bounds = resolveLimits(limits);
  const room = new BodyRoom(bounds.maxReadingBytes);
  const pool = createPool(origin, bounds, tls);

  async function send(request: VultrRequest, { signal, onSend }: SendContext): Promise<VultrResponse> {
    const headers = toHeaders(request, userAgent);
    const path = `${prefix}${request.path}${request.query === '' ? '' : `?${request.query}`}`;
    const options = {
      path,
      method: request.method as Dispatcher.HttpMethod,
      headers,
      body: request.body ?? null,
    };
    let phase: 'headers' | 'body' = 'headers';
    let response: Dispatcher.ResponseData;
    let body: Uint8Array;
    onSend?.();
    try {
      response = await pool.request({ ...options, signal });
      phase = 'body';
      body = await readBody(response.body, room, signal);
    } catch (thrown) {
      throw signal.aborted ? abortError(signal) : toConnectionError(request, phase, thrown);
    }
    return toResponse(request, response, body);
  }

  async function shutDown(): Promise<void> {
    const { promise: timedOut, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, bounds.closeTimeoutMs);
    try {
      await Promise.race([pool.close(), timedOut]);
    } finally {
      clearTimeout(timer);
      await pool.destroy();
    }
  }

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= shutDown();
    return closing;
  };
  return { send, close };
}

/** Reads a body as fast as there is room for it. */
async function readBody(
  stream: Dispatcher.ResponseData['body'],
  room: BodyRoom,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const space = room.open();
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      const waiting = space.take(chunk.length);
      if (waiting !== undefined) await untilAborted(waiting, signal);
      chunks.push(chunk);
    }
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  } finally {
    space.release();
  }
}

function createPool(origin: string, bounds: TransportLimits, tls: TransportOptions['tls']): Pool {
  // A pool's own request() sends the path as given; undici's request function folds `..` in it.
  return new Pool(origin, {
    connections: bounds.maxConnections,
    connect: createConnector(bounds.connectTimeoutMs, tls),
    headersTimeout: bounds.headersTimeoutMs,
    bodyTimeout: bounds.bodyTimeoutMs,
    maxResponseSize: bounds.maxResponseBytes,
    keepAliveTimeout: bounds.keepAliveMs,
    keepAliveMaxTimeout: bounds.keepAliveMs,
    // One request per connection: aborting it closes the connection, and Vultr sees that nobody waits any more.
    allowH2: false,
    pipelining: 1,
  });
}

/** Connections that are there stay as they are; new ones are made with the certificates that are in force. */
function createConnector(
  timeout: number,
  tls: () => UpstreamTls = () => NO_CERTIFICATES,
): buildConnector.connector {
  let made: { readonly by: UpstreamTls; readonly connect: buildConnector.connector } | undefined;
  return (options, callback) => {
    const by = tls();
    if (made?.by !== by) made = { by, connect: buildConnector({ timeout, allowH2: false, ...by }) };
    made.connect(options, callback);
  };
}

const NO_CERTIFICATES: UpstreamTls = {};

function toResponse(
  request: VultrRequest,
  { statusCode, headers }: Dispatcher.ResponseData,
  body: Uint8Array,
): VultrResponse {
  const encoding = toText(headers['content-encoding']);
  if (encoding !== '' && encoding !== 'identity')
    throw badResponse(request, 'is compressed, which was not asked for');
  // Callers see these headers, and those who use a key of the service must not learn it from an echo.
  const [contentType = '', location = '', retryAfter = ''] = ['content-type', 'location', 'retry-after']
    .map((name) => toText(headers[name]))
    .map((value) => (holdsSecret(Buffer.from(value), request.credential) ? '' : value));
  return {
    status: statusCode,
    contentType,
    ...(location !== '' && { location }),
    ...(retryAfter !== '' && { retryAfter }),
    body,
    attempts: 1,
  };
}

function toText(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.[0] ?? '');
}

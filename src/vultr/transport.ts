import type { SecureContextOptions } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { holdsSecret } from '../base/secret.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import { parseBaseUrl } from './base-url.ts';
import { BodyRoom } from './body-room.ts';
import { toConnectionError } from './connection-errors.ts';
import { badResponse } from './errors.ts';
import { toHeaders } from './headers.ts';
import { type ReceivedResponse, Receiver } from './receive.ts';
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
    const receiver = new Receiver({ room, signal });
    onSend?.();
    pool.dispatch(
      { path, method: request.method as Dispatcher.HttpMethod, headers, body: request.body ?? null },
      receiver,
    );
    try {
      return toResponse(request, await receiver.response);
    } catch (thrown) {
      if (thrown instanceof CallError) throw thrown;
      throw signal.aborted ? abortError(signal) : toConnectionError(request, receiver.phase, thrown);
    }
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

function toResponse(request: VultrRequest, { status, headers, body }: ReceivedResponse): VultrResponse {
  const encoding = toText(headers['content-encoding']);
  if (encoding !== '' && encoding !== 'identity')
    throw badResponse(request, 'is compressed, which was not asked for');
  const { credential } = request;
  const location = withoutKey(headers.location, credential);
  const retryAfter = withoutKey(headers['retry-after'], credential);
  return {
    status,
    contentType: withoutKey(headers['content-type'], credential),
    ...(location !== '' && { location }),
    ...(retryAfter !== '' && { retryAfter }),
    body,
    attempts: 1,
  };
}

/** A header that callers see. Those who use a key of the service must not learn it from an echo. */
function withoutKey(header: string | readonly string[] | undefined, key: string | undefined): string {
  const text = toText(header);
  return text !== '' && holdsSecret(Buffer.from(text), key) ? '' : text;
}

function toText(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.[0] ?? '');
}

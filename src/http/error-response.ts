import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isVultrPath } from '../contract/vultr-path.ts';
import type { CallError } from '../status/call-error.ts';
import { CODES } from '../status/code.ts';
import { statusMessage, toStatusJson } from '../status/rpc-status.ts';
import { prefersHtml } from './accept.ts';
import { toErrorPage } from './error-page.ts';
import { headersTooLarge, malformedRequest, requestTimeout } from './errors.ts';
import type { HttpLimits } from './options.ts';

/** A failure as an HTTP response. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The request that failed, as far as it got. */
export interface FailedRequest {
  readonly path: string;
  readonly accept: string | undefined;
  readonly requestId: string | undefined;
}

/**
 * Writes a failure as an HTTP response: the JSON of google.rpc.Status; below Vultr's own paths Vultr's own response as it
 * came, or, for a failure of this service, Vultr's error object in front of google.rpc.Status. A person who has opened the
 * address in a browser gets a page, unless the failure is Vultr's own response.
 * @param request undefined when it did not get that far
 */
export function toErrorResponse(error: CallError, request: FailedRequest | undefined): ErrorResponse {
  const path = request?.path;
  const isVultr = path !== undefined && isVultrPath(path);
  const verbatim = isVultr ? error.vultr?.response : undefined;
  if (verbatim !== undefined) {
    const { status, contentType, retryAfter, body } = verbatim;
    return {
      status,
      headers: {
        ...(contentType !== '' && { 'content-type': contentType }),
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
      },
      body,
    };
  }
  const ownStatus = error.httpStatus ?? CODES[error.code].http;
  const status = isVultr ? (error.vultr?.status ?? ownStatus) : ownStatus;
  const json = toStatusJson(error, request?.requestId);
  const body = isVultr ? { error: error.vultr?.error ?? statusMessage(error), status, ...json } : json;
  const headers: Record<string, string> = { 'content-type': 'application/json', ...error.httpHeaders };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.retryDelayMs !== undefined)
    headers['retry-after'] = String(Math.ceil(Math.max(0, error.retryDelayMs) / 1000));
  if (prefersHtml(request?.accept)) {
    const page = toErrorPage(error, { status, json: body, requestId: request?.requestId });
    return { status, headers: { ...headers, ...page.headers }, body: page.body };
  }
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

/** A failure in the middle of a stream, when the HTTP status is out already: google.rpc.Status as JSON text. */
export function toStatusText(error: CallError): string {
  return JSON.stringify(toStatusJson(error));
}

/** How long a refused caller has to read its response before the connection is destroyed. */
const LINGER_MS = 1_000;

/** What a fault that node found in a request means; undefined when the connection is simply gone. */
export function classifyClientError(
  error: Error & { code?: string },
  limits: HttpLimits,
): CallError | undefined {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return headersTooLarge(limits);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout(limits);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return malformedRequest(error);
  }
}

/** Responds on the bare connection, as there is no request to respond to, and closes it. */
export function refuseConnection(socket: Duplex, error: CallError): void {
  const { status, headers, body } = toErrorResponse(error, undefined);
  const fields = { ...headers, 'content-length': String(body.length), connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${Buffer.from(body).toString('utf8')}`,
  );
  // What the caller still sends is read and thrown away for a moment: to close on it would reset the connection, and
  // the caller would lose the response.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

import type { ServerResponse } from 'node:http';
import type { ApiResponse } from './call.ts';
import type { Fault } from './faults.ts';
import { type Json, writeJson } from './json.ts';

/**
 * The headers of every response of the real API. They do not include compression, which the API uses only when asked.
 */
function commonHeaders(): Record<string, string> {
  return {
    server: 'nginx',
    'cache-control': 'no-cache',
    expires: new Date(Date.now() - 1000).toUTCString(),
    'strict-transport-security': 'max-age=63072000',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex,noarchive',
  };
}

/** Sends a response with its body chunked, as the real API does. */
export function sendResponse(response: ServerResponse, content: ApiResponse): void {
  const text = bodyText(content);
  response.writeHead(content.status, {
    ...responseHeaders(content),
    ...(text === ''
      ? content.status === 204
        ? {}
        : { 'content-length': '0' }
      : { 'transfer-encoding': 'chunked' }),
  });
  response.end(text);
}

/** Sends the refusal of Vultr's edge, which is written differently from the API's errors. */
export function sendRateLimited(response: ServerResponse): void {
  response.writeHead(429, { server: 'nginx', 'content-type': 'application/json' });
  response.end('{"status": 429,"error": "rate limit exceeded"}');
}

/** A response that is not JSON. */
export interface ErrorPage {
  status: number;
  contentType: string;
  body: string;
}

/** What nginx itself says when it refuses a request. */
export function errorPage(status: number, title: string): ErrorPage {
  const body = `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
  return { status, contentType: 'text/html', body };
}

/** The apology during maintenance: short, and as text/html. */
const MAINTENANCE = 'Sorry, the API is down for maintenance at the moment. Please try again in a while.';

/** Sends a response that is not JSON. */
export function sendPage(response: ServerResponse, page: ErrorPage): void {
  response.writeHead(page.status, {
    server: 'nginx',
    'content-type': page.contentType,
    etag: '"5fd2b7c1-52"',
  });
  response.end(page.body);
}

/** Sends what `fault` makes of the response, for the kinds of fault that send anything. */
export function sendFaulty(response: ServerResponse, fault: Fault, content: ApiResponse): void {
  const body = Buffer.from(bodyText(content));
  switch (fault.kind) {
    case 'drop-after':
      response.socket?.destroy();
      return;
    case 'status':
      setRetryAfter(response, fault);
      sendStatus(response, fault);
      return;
    case 'error':
      setRetryAfter(response, fault);
      sendResponse(response, { status: fault.status ?? 200, body: errorObject(fault) });
      return;
    case 'not-json':
      response.writeHead(content.status === 204 ? 200 : content.status, responseHeaders(content));
      response.end(fault.body ?? '{"oops": <html>');
      return;
    case 'cut-body':
      response.writeHead(content.status === 204 ? 200 : content.status, {
        ...responseHeaders(content),
        'content-length': String(body.length + 64),
      });
      response.write(body.subarray(0, Math.ceil(body.length / 2)), () => response.destroy());
      return;
    case 'slow-body':
      response.writeHead(content.status, {
        ...responseHeaders(content),
        'content-length': String(body.length),
      });
      trickle(response, body, fault.latencyMs ?? 0);
      return;
    default:
      sendResponse(response, content);
  }
}

function setRetryAfter(response: ServerResponse, { retryAfter }: Fault): void {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
}

/** Sends a page with that status, or the refusal of the edge for a 429 that says nothing else. */
function sendStatus(response: ServerResponse, fault: Fault): void {
  const { status = 500, contentType = 'text/html', body = MAINTENANCE } = fault;
  if (status === 429 && fault.body === undefined && fault.contentType === undefined)
    sendRateLimited(response);
  else sendPage(response, { status, contentType, body });
}

/** An error object as the API writes it. In a response with the status of a success, the object says 500. */
function errorObject({ status = 200, text = 'Internal server error', member = 'error' }: Fault): Json {
  return member === 'message' ? { message: text } : { error: text, status: status < 400 ? 500 : status };
}

/** Sends `body` in at most ten pieces spread over `durationMs`. Stops when the caller goes away. */
function trickle(response: ServerResponse, body: Buffer, durationMs: number): void {
  const pieceBytes = Math.max(1, Math.ceil(body.length / 10));
  let sentBytes = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sentBytes, sentBytes + pieceBytes));
    sentBytes += pieceBytes;
    if (sentBytes < body.length) return;
    clearInterval(timer);
    response.end();
  }, durationMs / 10);
  response.on('close', () => clearInterval(timer));
  response.flushHeaders();
}

function responseHeaders(content: ApiResponse): Record<string, string> {
  return {
    ...commonHeaders(),
    ...(content.body === undefined ? {} : { 'content-type': content.contentType ?? 'application/json' }),
    ...(content.location === undefined ? {} : { location: content.location }),
  };
}

function bodyText(content: ApiResponse): string {
  if (content.body === undefined) return '';
  return content.contentType !== undefined && typeof content.body === 'string'
    ? content.body
    : writeJson(content.body);
}

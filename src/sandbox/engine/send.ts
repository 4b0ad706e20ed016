import type { ServerResponse } from 'node:http';
import type { Answer } from './call.ts';
import type { Fault } from './faults.ts';
import { type Json, writeJson } from './json.ts';

/** The headers that every answer of the real API carries. Compression is left out: the API sends it only when asked. */
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

/** Sends a JSON answer (chunked, like the real one), or an empty one when it has no body. */
export function sendAnswer(response: ServerResponse, answer: Answer): void {
  const text = bodyText(answer);
  response.writeHead(answer.status, {
    ...answerHeaders(answer),
    ...(text === ''
      ? answer.status === 204
        ? {}
        : { 'content-length': '0' }
      : { 'transfer-encoding': 'chunked' }),
  });
  response.end(text);
}

/** The edge's own refusal, spelt differently from the API's errors. */
export function sendRateLimited(response: ServerResponse): void {
  response.writeHead(429, { server: 'nginx', 'content-type': 'application/json' });
  response.end('{"status": 429,"error": "rate limit exceeded"}');
}

/** A page that is no JSON. */
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

/** The apology of a maintenance window: short, text/html, no JSON. */
const MAINTENANCE = 'Sorry, the API is down for maintenance at the moment. Please try again in a while.';

/** Sends a page that is no JSON. */
export function sendPage(response: ServerResponse, page: ErrorPage): void {
  response.writeHead(page.status, {
    server: 'nginx',
    'content-type': page.contentType,
    etag: '"5fd2b7c1-52"',
  });
  response.end(page.body);
}

/** Sends what `fault` makes of `answer`, for the kinds that answer at all. */
export function sendFaulty(response: ServerResponse, fault: Fault, answer: Answer): void {
  const body = Buffer.from(bodyText(answer));
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
      sendAnswer(response, { status: fault.status ?? 200, body: errorObject(fault) });
      return;
    case 'not-json':
      response.writeHead(answer.status === 204 ? 200 : answer.status, answerHeaders(answer));
      response.end(fault.body ?? '{"oops": <html>');
      return;
    case 'cut-body':
      response.writeHead(answer.status === 204 ? 200 : answer.status, {
        ...answerHeaders(answer),
        'content-length': String(body.length + 64),
      });
      response.write(body.subarray(0, Math.ceil(body.length / 2)), () => response.destroy());
      return;
    case 'slow-body':
      response.writeHead(answer.status, { ...answerHeaders(answer), 'content-length': String(body.length) });
      trickle(response, body, fault.latencyMs ?? 0);
      return;
    default:
      sendAnswer(response, answer);
  }
}

function setRetryAfter(response: ServerResponse, { retryAfter }: Fault): void {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
}

/** A page with that status; for a 429 without anything else to say, the refusal of the edge. */
function sendStatus(response: ServerResponse, fault: Fault): void {
  const { status = 500, contentType = 'text/html', body = MAINTENANCE } = fault;
  if (status === 429 && fault.body === undefined && fault.contentType === undefined)
    sendRateLimited(response);
  else sendPage(response, { status, contentType, body });
}

/** An error object as the API writes it; inside a success it has the status that belongs to it. */
function errorObject({ status = 200, text = 'Internal server error', member = 'error' }: Fault): Json {
  return member === 'message' ? { message: text } : { error: text, status: status < 400 ? 500 : status };
}

/** Sends `body` in at most ten pieces spread over `durationMs`; stops when the caller goes away. */
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

function answerHeaders(answer: Answer): Record<string, string> {
  return {
    ...commonHeaders(),
    ...(answer.body === undefined ? {} : { 'content-type': answer.contentType ?? 'application/json' }),
    ...(answer.location === undefined ? {} : { location: answer.location }),
  };
}

function bodyText(answer: Answer): string {
  if (answer.body === undefined) return '';
  return answer.contentType !== undefined && typeof answer.body === 'string'
    ? answer.body
    : writeJson(answer.body);
}

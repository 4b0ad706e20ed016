import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from './api.ts';
import { ApiError } from './api-error.ts';
import type { ApiResponse, BodyFormat } from './call.ts';
import type { TimeSource } from './clock.ts';
import { type Controls, control } from './control.ts';
import type { EdgeLimit } from './edge-limit.ts';
import { bearerKey, checkContentType, checkKey, isRead, parseBody, parseForm } from './gate.ts';
import { isObject, type Json } from './json.ts';
import type { LoggedRequest } from './request-log.ts';
import { errorPage, sendFaulty, sendPage, sendRateLimited, sendResponse } from './send.ts';
import { ACCOUNT_EMAIL, type World } from './world.ts';

const MAX_BODY_BYTES = 1_048_576;
const MAX_HEADER_BYTES = 16_384;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const MAX_CONNECTIONS = 2000;

/** What the server works with. `world` is a function because a reset replaces the world. */
export interface ServerParts {
  api: Api;
  world: () => World;
  limit: EdgeLimit;
  controls: Controls;
  time: TimeSource;
}

/** The HTTP server of the sandbox, which does not listen yet. */
export function createSandboxServer(parts: ServerParts): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
    (request, response) => {
      respond(parts, request, response).catch((error: unknown) => {
        // Nobody is left to be told when the caller has gone away.
        if (response.destroyed) return;
        if (response.headersSent) response.destroy();
        else sendResponse(response, failure(error));
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function respond(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  const [path = '', query = ''] = splitOnce(originForm(url), '?');
  if (path.startsWith('/_sandbox/')) {
    const body = await readBody(request);
    return sendResponse(
      response,
      attemptControl(() => control(parts.controls, method, path, () => parseBody(body))),
    );
  }
  const entry = parts.controls.requests.add(logEntry(parts, request, path, query));
  response.on('finish', () => {
    entry.status = response.statusCode;
  });
  if (!parts.limit.admit(request.socket.remoteAddress ?? '', parts.time.nowMs()))
    return sendRateLimited(response);

  const { latencyMs, fault } = parts.controls.faults.hitsFor(method, path);
  if (fault !== undefined) entry.fault = fault.kind;
  else if (latencyMs > 0) entry.fault = 'latency';
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  if (latencyMs > 0) await wait(latencyMs, undefined, { signal: gone.signal });
  if (fault?.kind === 'drop-before') return void request.socket.destroy();
  if (fault?.kind === 'hang') return;
  const replacesWork = fault?.kind === 'status' || fault?.kind === 'error';
  if (fault !== undefined && replacesWork && fault.after !== true) {
    request.resume();
    return sendFaulty(response, fault, { status: 200 });
  }

  const body = await readBody(request);
  if (body === tooLarge) return sendPage(response, errorPage(413, 'Request Entity Too Large'));
  const given = attempt(() => perform(parts, request, response, { method, path, query, body }));
  if (fault !== undefined) return sendFaulty(response, fault, given);
  sendResponse(response, given);
}

function perform(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
  sent: { method: string; path: string; query: string; body: Uint8Array },
): ApiResponse {
  const { method, path, query } = sent;
  const remoteAddress = request.socket.remoteAddress ?? '';
  const contentType = request.headers['content-type'];
  const match = parts.api.match(method, path);
  const format = match.kind === 'route' ? match.route.bodyFormat : undefined;
  checkContentType(contentType, format);
  if (match.kind === 'unknown') throw new ApiError(404, 'Not found.');
  if (match.kind === 'wrong-method') {
    throw new ApiError(405, `Method not allowed. Must be one of: ${match.allowed.join(', ')}`);
  }
  const { route, params } = match;
  if (route.auth) {
    checkKey(request.headers.authorization, method, remoteAddress);
    response.setHeader('x-user', ACCOUNT_EMAIL);
  }
  // Some official clients send list options as the body of a GET, which the API ignores nearly everywhere.
  const json = isRead(method) && route.readsBody !== true ? {} : readJson(sent.body, contentType, format);
  return parts.api.perform(route, {
    world: parts.world(),
    method,
    params,
    query: new URLSearchParams(query),
    body: isObject(json) ? json : {},
    list: Array.isArray(json) ? json : [],
    remoteAddress,
    key: bearerKey(request.headers.authorization),
  });
}

const readJson = (body: Uint8Array, contentType: string | undefined, format?: BodyFormat): Json =>
  format === 'form' ? parseForm(contentType, body) : parseBody(body);

function attempt(work: () => ApiResponse): ApiResponse {
  try {
    return work();
  } catch (error) {
    return failure(error);
  }
}

/** The first word tells a defect of the sandbox itself from an error of Vultr's. */
function failure(error: unknown): ApiResponse {
  if (error instanceof ApiError && error.shape === 'message')
    return { status: error.status, body: { message: error.message } };
  if (error instanceof ApiError) return refusal(error.status, error.message);
  return refusal(500, `Sandbox: ${error instanceof Error ? error.message : String(error)}`);
}

const refusal = (status: number, text: string): ApiResponse => ({ status, body: { error: text, status } });

/** The controls throw a TypeError or RangeError for a bad value. */
function attemptControl(work: () => ApiResponse): ApiResponse {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return refusal(400, error.message);
    return failure(error);
  }
}

const tooLarge = new Uint8Array(0);

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes > MAX_BODY_BYTES ? tooLarge : Buffer.concat(chunks);
}

function logEntry(parts: ServerParts, request: IncomingMessage, path: string, query: string): LoggedRequest {
  const key = bearerKey(request.headers.authorization);
  const keyHash = key && createHash('sha256').update(key).digest('hex').slice(0, 12);
  const entry = { atMs: parts.time.nowMs(), method: request.method ?? '', path, query, status: 0 };
  return keyHash === undefined ? entry : { ...entry, keyHash };
}

/** Takes scheme and authority off the absolute form of a target (RFC 9112, section 3.2.2). */
const originForm = (target: string): string => target.replace(/^https?:\/\/[^/?]*/i, '');

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { CallError } from '../../src/status/call-error.ts';
import { type CacheLimits, createCatalogueCache } from '../../src/vultr/cache.ts';
import { enforceDeadline } from '../../src/vultr/deadline.ts';
import { refuseFailures } from '../../src/vultr/errors.ts';
import type { Send, SendContext, SendOrRecall, Stage, VultrRequest } from '../../src/vultr/request.ts';
import { type SingleflightLimits, singleflight } from '../../src/vultr/singleflight.ts';
import { createTransport } from '../../src/vultr/transport.ts';
import { ManualClock } from './clock.ts';
import { request } from './vultr.ts';

export type Answer = (message: IncomingMessage, response: ServerResponse) => void;

/** An upstream that notes what it is asked and answers as it is told to at that moment. */
export interface CountingUpstream {
  readonly url: string;
  /** Method and path of every request. */
  readonly asked: string[];
  /** The connection of every request. */
  readonly sockets: Socket[];
  /** The Authorization header of every request. */
  readonly credentials: (string | undefined)[];
  /** What comes after this is answered by it. */
  answerWith(answer: Answer): void;
  /** Holds what comes after this; the function it returns answers what is held and what comes. */
  hold(answer?: Answer): () => void;
  /** Refuses connections from now on. */
  stop(): Promise<void>;
  /** Resolves when there have been `count` requests. */
  reached(count: number): Promise<void>;
}

/** `{"count": n}`, the n-th request's. */
export function countingAnswer(): Answer {
  let count = 0;
  return (_, response) => {
    response.setHeader('content-type', 'application/json').end(`{"count":${++count}}`);
  };
}

/** Fails with a status, in Vultr's form. */
export function failing(status: number): Answer {
  return (_, response) => {
    response.writeHead(status).end(`{"error":"It failed.","status":${status}}`);
  };
}

/** Answers with a status and a body. */
export function answering(status: number, body: string): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
}

/** Ends the connection within the body. */
export const cutOff: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': 9 }).write('{', () => response.destroy());
};

export async function startCounting(first: Answer = countingAnswer()): Promise<CountingUpstream> {
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const credentials: (string | undefined)[] = [];
  const waiting: { readonly count: number; resolve(): void }[] = [];
  let answer = first;
  const server = createServer((message, response) => {
    asked.push(`${message.method} ${message.url}`);
    sockets.push(message.socket);
    credentials.push(message.headers.authorization);
    for (const { count, resolve } of waiting) if (asked.length >= count) resolve();
    answer(message, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  onTestFinished(stop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    sockets,
    credentials,
    stop,
    answerWith: (next) => {
      answer = next;
    },
    hold: (next = answer) => {
      const held: [IncomingMessage, ServerResponse][] = [];
      answer = (...exchange) => void held.push(exchange);
      return () => {
        answer = next;
        for (const exchange of held) next(...exchange);
      };
    },
    reached: (count) =>
      asked.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
  };
}

/** What a test wants to be different. */
export interface Parts {
  readonly cache?: Partial<CacheLimits>;
  readonly singleflight?: Partial<SingleflightLimits>;
  /** Stages below the singleflight. */
  readonly below?: readonly Stage[];
}

/** The real stages in their real order, on a held clock, and what the cache reported of its refreshes. */
export interface Stack {
  readonly send: SendOrRecall;
  readonly clock: ManualClock;
  readonly failures: CallError[];
  /** A context with `timeoutMs` left. */
  context(timeoutMs?: number, signal?: AbortSignal): SendContext;
}

export function startStack(baseUrl: string, parts: Parts = {}): Stack {
  const clock = new ManualClock();
  const failures: CallError[] = [];
  const transport = createTransport({
    baseUrl,
    userAgent: 'test',
    limits: { maxConnections: 2_000, closeTimeoutMs: 1 },
  });
  onTestFinished(() => transport.close());
  const { stage: cache } = createCatalogueCache({
    clock,
    onRefreshFailed: (_, error) => failures.push(error),
    limits: parts.cache ?? {},
  });
  const stages: readonly Stage[] = [
    enforceDeadline(clock),
    singleflight({ clock, limits: parts.singleflight ?? {} }),
    ...(parts.below ?? []),
    refuseFailures,
  ];
  return {
    send: cache(stages.reduceRight<Send>((next, stage) => stage(next), transport.send)),
    clock,
    failures,
    context: (timeoutMs = 10_000, signal = new AbortController().signal) => ({
      signal,
      deadline: clock.now() + timeoutMs,
    }),
  };
}

/** A request for a list of the public catalogue: GET /v2/regions, but for what is given. */
export function listRequest(given: Partial<VultrRequest> = {}): VultrRequest {
  return request({
    operation: 'ListRegions',
    path: '/v2/regions',
    credential: undefined,
    isPublic: true,
    ...given,
  });
}

/** The text of a body. */
export function textOf({ body }: { readonly body: Uint8Array }): string {
  return Buffer.from(body).toString();
}

/** An upstream that was asked for one public list, with success, by this stack; `ask` asks for it, or for another. */
export async function startFilled(parts: Parts = {}) {
  const upstream = await startCounting();
  const stack = startStack(upstream.url, parts);
  const ask = (given: Partial<VultrRequest> = {}) => stack.send(listRequest(given), stack.context());
  await ask();
  return { ...stack, upstream, ask };
}

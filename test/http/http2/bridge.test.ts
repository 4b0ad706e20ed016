import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
import { createConnection } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Incoming, Reply } from '../../../src/rpc/call.ts';
import { Meter } from '../../../src/telemetry/meter.ts';
import { METRICS } from '../../../src/telemetry/metric-table.ts';
import { jsonReply, startThings, type TestHandlers } from '../../support/http-server.ts';
import { readMetric } from '../../support/metrics.ts';
import { closeAtEnd } from '../../support/opened.ts';
import { frameOf, framesOf } from '../../support/rpc-frames.ts';

/** A connection that speaks HTTP/2 from its first byte on. */
function open(port: number, settings: Settings = {}): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings });
  session.on('error', () => undefined);
  closeAtEnd(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  return { status: Number(headers[':status']), headers, body: Buffer.concat(await stream.toArray()) };
}

function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Uint8Array,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

const CONNECT = { ':method': 'POST', ':path': '/t.S/Talk', 'content-type': 'application/connect+json' };
const textReply = (text: string): Reply => ({
  toBinary: () => Buffer.from(text),
  toJson: () => Buffer.from(text),
});

/** Replies to each request with its id. */
const listening: TestHandlers = {
  async *stream({ requests }) {
    for await (const { id } of requests ?? []) yield textReply(JSON.stringify(id));
  },
};

describe('a caller who speaks HTTP/2', () => {
  test('gets what it would get by HTTP/1.1, many requests at a time', async () => {
    const { port, dispatcher } = await startThings();
    const session = open(port);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_each, index) => ask(session, { ':path': `/api/things/${index}?name=x` })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(JSON.parse(answers[7]?.body.toString() ?? '')).toEqual({
      rpc: 'Get',
      request: { id: '7', name: 'x' },
    });
    expect(Object.keys(answers[0]?.headers ?? {})).not.toContain('connection');
    expect(dispatcher.seen[0]?.incoming.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('may send a body, and is told of a refusal', async () => {
    const { port } = await startThings();
    const session = open(port);
    const post = { ':method': 'POST', ':path': '/api/things', 'content-type': 'application/json' };
    expect((await ask(session, post, '{"name":"x"}')).status).toBe(200);
    expect((await ask(session, { ...post, 'content-length': 1 }, '{')).status).toBe(400);
    expect((await ask(session, { ':path': '/nothing' })).status).toBe(404);
  });

  test('may send a body with any method, which is never taken for another request', async () => {
    const { port, dispatcher } = await startThings();
    const session = open(port);
    const body = 'GET /api/things/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const method of ['GET', 'POST'])
      await ask(session, { ':method': method, ':path': '/api/things/i' }, body);
    expect((await ask(session, { ':path': '/api/things/i' }, body)).status).toBe(200);
    const ids = dispatcher.seen.map(({ request }) => request?.['id']);
    expect(new Set(ids)).toEqual(new Set(['i']));
    // Without a body, and without a length.
    expect((await ask(session, { ':method': 'POST', ':path': '/api/things/i/halt' })).status).toBe(200);
  });

  test('has its headers read as they came, each as often as it came', async () => {
    const { port, dispatcher } = await startThings();
    const twice = { 'idempotency-key': ['a', 'b'] } as unknown as OutgoingHttpHeaders;
    const call = { ':method': 'POST', ':path': '/api/things', 'content-type': 'application/json' };
    const session = open(port);
    const refused = await ask(session, { ...call, 'grpc-metadata-x': ['1', '2'], ...twice }, '{}');
    expect([refused.status, refused.body.toString()]).toEqual([400, expect.stringContaining('only once')]);
    await ask(session, { ...call, 'grpc-metadata-x': ['1', '2'] }, '{}');
    expect(dispatcher.seen.at(-1)?.incoming.metadata.get('x')).toBe('1, 2');
  });

  test('may send the first bytes in pieces', async () => {
    const { port } = await startThings();
    const raw = createConnection({ host: '127.0.0.1', port });
    closeAtEnd(() => raw.destroy());
    await once(raw, 'connect');
    raw.setNoDelay(true);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (const piece of [preface.slice(0, 10), preface.slice(10, 20), preface.slice(20)]) {
      raw.write(piece);
      await setTimeout(30);
    }
    raw.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [settings] = (await once(raw, 'data')) as [Buffer];
    // A frame of settings is the first that a server sends.
    expect(settings[3]).toBe(4);
  });

  test('can converse in both directions at once', async () => {
    const { port } = await startThings(listening);
    const stream = open(port).request(CONNECT);
    for (const id of ['a', 'b', 'c']) {
      stream.write(frameOf(JSON.stringify({ id })));
      const [chunk] = (await once(stream, 'data')) as [Buffer];
      expect(framesOf(chunk)[0]?.data.toString()).toBe(JSON.stringify(id));
    }
    stream.end();
    const [last] = (await once(stream, 'data')) as [Buffer];
    expect(framesOf(last)[0]).toMatchObject({ flags: 2 });
  });

  test('ends a call by leaving it', async () => {
    const ended = Promise.withResolvers<void>();
    const { port } = await startThings({
      async *stream({ ending: { signal } }) {
        signal.addEventListener('abort', () => ended.resolve());
        yield textReply('1');
        await ended.promise;
      },
    });
    const stream = open(port).request(CONNECT);
    stream.write(frameOf('{}'));
    await once(stream, 'data');
    stream.close();
    await ended.promise;
  });

  test.each(['unary', 'stream'] as const)('ends its calls by ending the connection: %s', async (kind) => {
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const wait = async ({ ending: { signal } }: Incoming): Promise<Reply> => {
      signal.addEventListener('abort', () => ended.resolve());
      begun.resolve();
      await ended.promise;
      return textReply('late');
    };
    const meter = new Meter();
    const { port } = await startThings(
      {
        unary: wait,
        async *stream(incoming) {
          yield await wait(incoming);
        },
      },
      { meter },
    );
    const session = open(port);
    const stream = session.request(kind === 'stream' ? CONNECT : { ':path': '/api/things/i' });
    stream.on('error', () => undefined);
    if (kind === 'stream') stream.write(frameOf('{}'));
    await begun.promise;
    session.destroy();
    await ended.promise;
    await expect.poll(() => readMetric(meter, METRICS.httpOpenConnections)).toBe(0);
  });

  test('is held to the name of the service and to its pages', async () => {
    const { port, dispatcher } = await startThings({}, { allowedHosts: new Set(['127.0.0.1']) });
    const session = open(port);
    const evil = await ask(session, { ':path': '/api/things/i', ':authority': 'evil.example' });
    expect(evil.status).toBe(403);
    const page = {
      ':method': 'POST',
      ':path': '/api/things',
      'content-type': 'application/json',
      origin: 'https://evil.example',
    };
    expect((await ask(session, page, '{}')).status).toBe(403);
    expect(dispatcher.seen).toEqual([]);
  });

  test('is held to the bounds of a body and of the headers', async () => {
    const { port } = await startThings({}, { limits: { maxBodyBytes: 1_000, maxHeaderBytes: 4_000 } });
    const session = open(port);
    const post = { ':method': 'POST', ':path': '/api/things', 'content-type': 'application/json' };
    expect((await ask(session, post, Buffer.alloc(5_000, ' '))).status).toBe(413);
    expect((await ask(session, { ':path': '/api/things/i', 'x-long': 'x'.repeat(5_000) })).status).toBe(431);
  });

  test('is not taken for one whose request never ends', async () => {
    const { port } = await startThings({}, { limits: { requestTimeoutMs: 100 } });
    const session = open(port);
    for (let round = 0; round < 4; round += 1) {
      expect((await ask(session, { ':path': '/api/things/i' })).status).toBe(200);
      await setTimeout(100);
    }
  });

  test('makes room for others when it has no request', async () => {
    const limits = { maxConnections: 1, reservedConnections: 2 };
    const { port } = await startThings({}, { limits });
    const session = open(port);
    expect((await ask(session, { ':path': '/api/things/i' })).status).toBe(200);
    const closed = once(session, 'close');
    for (let count = 0; count < 4; count += 1) {
      const socket = createConnection({ host: '127.0.0.1', port });
      closeAtEnd(() => socket.destroy());
      await once(socket, 'connect');
    }
    await closed;
  });

  test('is sent away at the end, once its calls are done', async () => {
    const release = Promise.withResolvers<void>();
    const { port, close } = await startThings({
      unary: async () => {
        await release.promise;
        return jsonReply({ done: true });
      },
    });
    const session = open(port);
    const answer = ask(session, { ':path': '/api/things/i' });
    await setTimeout(100);
    const goaway = once(session, 'goaway');
    const closing = close(5_000);
    await goaway;
    release.resolve();
    expect((await answer).status).toBe(200);
    await closing;
  });
});

describe('a connection that is to end', () => {
  test('is told so when it has been idle for long, but not while a request on it is silent', async () => {
    const { port } = await startThings(listening, { limits: { keepAliveTimeoutMs: 100 } });
    const session = open(port);
    let isLeaving = false;
    const left = once(session, 'goaway').then(() => {
      isLeaving = true;
    });
    const stream = session.request(CONNECT);
    stream.write(frameOf('{"id":"a"}'));
    await once(stream, 'data');
    await setTimeout(400);
    expect(isLeaving).toBe(false);
    stream.end();
    stream.resume();
    await left;
  });

  test('is told so with its next response while the service drains, and its requests are served', async () => {
    const release = Promise.withResolvers<void>();
    const { port, drain } = await startThings({
      unary: async ({ operation: { rpc } }) => {
        if (rpc === 'Create') await release.promise;
        return jsonReply({ rpc });
      },
    });
    const session = open(port);
    const slow = ask(session, post('/api/things', 'application/json'), '{}');
    expect((await ask(session, { ':path': '/api/things/i' })).status).toBe(200);
    drain();
    const goaway = once(session, 'goaway');
    const [next, [code]] = await Promise.all([ask(session, { ':path': '/api/things/i' }), goaway]);
    expect([next.status, code]).toEqual([200, constants.NGHTTP2_NO_ERROR]);
    const closed = once(session, 'close');
    release.resolve();
    expect((await slow).status).toBe(200);
    await closed;
  });

  test('is told so at its age, and what is still under way after the grace is ended', async () => {
    const { port } = await startThings(
      {
        async *stream({ ending: { signal } }) {
          yield textReply('1');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw signal.reason;
        },
      },
      { life: { maxAgeMs: 100, ageGraceMs: 300 } },
    );
    const session = open(port);
    const watch = ask(session, CONNECT, frameOf('{}'));
    await setTimeout(150);
    const goaway = once(session, 'goaway');
    expect((await ask(session, { ':path': '/api/things/i' })).status).toBe(200);
    await goaway;
    expect((await watch).body.toString()).toContain('CONNECTION_TOO_OLD');
  });

  test('without a request is told so when the service stops', async () => {
    const { port, close } = await startThings();
    const session = open(port);
    expect((await ask(session, { ':path': '/api/things/i' })).status).toBe(200);
    const goaway = once(session, 'goaway');
    await close(5_000);
    expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  });

  test('does not hold up the end when its caller neither reads nor leaves', async () => {
    const { port, close } = await startThings({ unary: () => jsonReply({ long: 'x'.repeat(100_000) }) });
    const stream = open(port, { initialWindowSize: 10 }).request({ ':path': '/api/things/i' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    await close(200);
  });
});

/** What became of a stream. */
interface Outcome extends Answer {
  /** Whether the end of the response came, and not just the end of the stream. */
  readonly isWhole: boolean;
  readonly code: number | undefined;
}

/** Watches a stream whose request has not ended, until it is over. */
async function outcomeOf(stream: ClientHttp2Stream): Promise<Outcome> {
  let headers: Record<string, unknown> = {};
  const pieces: Buffer[] = [];
  let isWhole = false;
  stream.on('response', (given) => {
    headers = given;
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('end', () => {
    isWhole = !stream.aborted;
  });
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
  const body = Buffer.concat(pieces);
  return { status: Number(headers[':status']), headers, body, isWhole, code: stream.rstCode };
}

/** Sends for as long as the stream takes it, without an end. */
function sendOn(stream: ClientHttp2Stream): void {
  const piece = Buffer.alloc(16 * 1024);
  const go = (): void => {
    while (!stream.closed && !stream.destroyed && stream.write(piece));
  };
  stream.on('drain', go);
  go();
}

const post = (path: string, type: string, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders => ({
  ':method': 'POST',
  ':path': path,
  'content-type': type,
  ...more,
});

/** A message that is over the bound of a body, as its head announces it. */
const TOO_LARGE = Buffer.from([0, 0, 0x10, 0, 0]);

/** Requests that are refused while their bodies are still coming, and what the refusal says. */
const EARLY: readonly [string, OutgoingHttpHeaders, Uint8Array, number, string][] = [
  ['/api', post('/api/things', 'application/json'), Buffer.from('{'), 413, 'REQUEST_TOO_LARGE'],
  ['/v2', post('/v2/things/i/halt', 'application/json'), Buffer.from('{'), 413, 'REQUEST_TOO_LARGE'],
  ['an unknown path', post('/nothing', 'application/json'), Buffer.from('{'), 404, 'ROUTE_NOT_FOUND'],
  ['Connect', post('/t.S/Create', 'application/json'), Buffer.from('{'), 429, 'resource_exhausted'],
  ['an unknown rpc', post('/t.S/Nothing', 'application/proto'), Buffer.from('{'), 404, 'no such rpc'],
  [
    'a stream of Connect',
    post('/t.S/Watch', 'application/connect+json'),
    TOO_LARGE,
    200,
    'resource_exhausted',
  ],
  ['a conversation of Connect', CONNECT, TOO_LARGE, 200, 'resource_exhausted'],
  ['gRPC-Web', post('/t.S/Create', 'application/grpc-web+proto'), TOO_LARGE, 200, 'grpc-status: 8'],
  [
    'a stream of gRPC-Web',
    post('/t.S/Watch', 'application/grpc-web+proto'),
    TOO_LARGE,
    200,
    'grpc-status: 8',
  ],
];

test('responses that nobody reads make room for one another, the oldest first', async () => {
  const { port } = await startThings(
    { unary: () => jsonReply('x'.repeat(40_000)) },
    { limits: { maxUnreadBytes: 100_000 } },
  );
  const session = open(port, { initialWindowSize: 10 });
  const streams: ClientHttp2Stream[] = [];
  for (let count = 0; count < 4; count += 1) {
    const stream = session.request({ ':path': '/api/things/i' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    streams.push(stream);
  }
  const [first, second, ...others] = streams;
  await expect.poll(() => [first?.closed, second?.closed]).toEqual([true, true]);
  expect([first?.rstCode, second?.rstCode]).toEqual([constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL]);
  const read = await Promise.all(others.map((stream) => stream.toArray()));
  expect(read.map((pieces) => Buffer.concat(pieces).length)).toEqual([40_002, 40_002]);
});

describe('a refusal while the body is still coming', () => {
  const limits = { maxBodyBytes: 10_000 };

  test.each(EARLY)(
    'arrives whole, and then the caller is told to stop: %s',
    async (_name, headers, first, status, text) => {
      const { port } = await startThings(listening, { limits });
      const session = open(port);
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, () => {
          const stream = session.request(headers, { endStream: false });
          const outcome = outcomeOf(stream);
          stream.write(first);
          sendOn(stream);
          return outcome;
        }),
      );
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status, isWhole: true, code: constants.NGHTTP2_NO_ERROR });
        expect(outcome.body.toString()).toContain(text);
      }
    },
  );

  test('is left for whoever is slow to read it', async () => {
    const { port } = await startThings({}, { limits });
    const stream = open(port, { initialWindowSize: 10 }).request(EARLY[0]?.[1] ?? {}, { endStream: false });
    stream.on('error', () => undefined);
    sendOn(stream);
    await once(stream, 'response');
    // Longer than a caller is left to end a request whose response it has.
    await setTimeout(600);
    expect((await outcomeOf(stream)).body.toString()).toContain('REQUEST_TOO_LARGE');
  });

  test('is cut off when nobody reads it', async () => {
    const { port } = await startThings({}, { limits: { ...limits, writeTimeoutMs: 200 } });
    const stream = open(port, { initialWindowSize: 10 }).request(EARLY[0]?.[1] ?? {}, { endStream: false });
    stream.on('error', () => undefined);
    sendOn(stream);
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });
});

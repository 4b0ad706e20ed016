import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { createConnection } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Reply } from '../../src/rpc/call.ts';
import { jsonReply, startThings } from '../support/http-server.ts';
import { closeAtEnd } from '../support/opened.ts';
import { frameOf, framesOf } from '../support/rpc-frames.ts';

/** A connection that speaks HTTP/2 from its first byte on. */
function open(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
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
    const { port } = await startThings({
      async *stream({ requests }) {
        for await (const { id } of requests ?? []) yield textReply(JSON.stringify(id));
      },
    });
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
      async *stream({ signal }) {
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

import { once } from 'node:events';
import { createConnection } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { HttpLimits } from '../../src/http/options.ts';
import type { Incoming, Reply } from '../../src/rpc/call.ts';
import { CallError } from '../../src/status/call-error.ts';
import { jsonReply, startThings } from '../support/http-server.ts';

async function start(stream: (incoming: Incoming) => AsyncIterable<Reply>, limits: Partial<HttpLimits> = {}) {
  const server = await startThings({ stream }, { limits });
  return { ...server, target: `${server.url}/api/things/i:watch` };
}

async function* twoMessages(): AsyncGenerator<Reply> {
  yield jsonReply({ n: 1 });
  yield { toBinary: () => new Uint8Array(), toJson: () => Buffer.from('{\n  "n": 2,\r\n  "s": "a\\nb"\n}') };
}

const failure = new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'it went away', {
  vultr: { status: 404, error: 'gone' },
});

async function* oneAndFailure(): AsyncGenerator<Reply> {
  yield jsonReply({ n: 1 });
  throw failure;
}

const events = { headers: { accept: 'text/event-stream' } };

describe('a stream as JSON lines', () => {
  test('is one line for each message', async () => {
    const { target } = await start(twoMessages);
    const response = await fetch(target);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect(response.headers.get('content-encoding')).toBeNull();
    const lines = (await response.text()).split('\n');
    expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual([{ n: 1 }, { n: 2, s: 'a\nb' }]);
    expect(lines.at(-1)).toBe('');
  });

  test('that fails before its first message is an ordinary error', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it yields
    const { target } = await start(async function* (): AsyncGenerator<Reply> {
      throw failure;
    });
    const response = await fetch(target);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({ code: 5, message: 'it went away' });
  });

  test('that fails later says so in its last line', async () => {
    const { target } = await start(oneAndFailure);
    const response = await fetch(target);
    expect(response.status).toBe(200);
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { n: 1 },
      { error: { code: 5, message: 'it went away', details: [{ reason: 'VULTR_NOT_FOUND' }] } },
    ]);
  });

  test('does not reveal the text of an unexpected failure', async () => {
    const { target } = await start(async function* () {
      yield jsonReply({});
      throw new Error('secret inner text');
    });
    const text = await (await fetch(target)).text();
    expect(text).toContain('"code":13');
    expect(text).not.toContain('secret');
  });

  test('without any message is an empty success', async () => {
    // biome-ignore lint/correctness/useYield: a stream of nothing
    const { target } = await start(async function* (): AsyncGenerator<Reply> {
      await Promise.resolve();
    });
    const response = await fetch(target);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('arrives message by message', async () => {
    const second = Promise.withResolvers<void>();
    const { target } = await start(async function* () {
      yield jsonReply({ n: 1 });
      await second.promise;
      yield jsonReply({ n: 2 });
    });
    const { body } = await fetch(target);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe('{"n":1}\n');
    second.resolve();
    expect((await reader?.read())?.value).toBe('{"n":2}\n');
    expect((await reader?.read())?.done).toBe(true);
  });

  test('carries the metadata that was there with its first message', async () => {
    const { target } = await start(async function* ({ responseMetadata }) {
      responseMetadata.set('x-request-id', 'r');
      yield jsonReply({});
    });
    const response = await fetch(target);
    expect(response.headers.get('x-request-id')).toBe('r');
    await response.text();
  });

  test('of method HEAD is its headers, and the stream is ended', async () => {
    const ended = Promise.withResolvers<void>();
    const { target } = await start(async function* () {
      try {
        for (;;) yield jsonReply({});
      } finally {
        ended.resolve();
      }
    });
    const response = await fetch(target, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/x-ndjson',
      '',
    ]);
    await ended.promise;
  });
});

describe('a stream as server-sent events', () => {
  test('is an event for each message and a word at its end', async () => {
    const { target } = await start(twoMessages);
    const response = await fetch(target, events);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('vary')).toBe('Accept');
    expect(await response.text()).toBe(
      'data: {"n":1}\n\ndata: {   "n": 2,   "s": "a\\nb" }\n\nevent: end\ndata: {}\n\n',
    );
  });

  test('that fails has event: error last', async () => {
    const { target } = await start(oneAndFailure);
    const parts = (await (await fetch(target, events)).text()).split('\n\n');
    expect(parts[0]).toBe('data: {"n":1}');
    const [event, data = ''] = (parts[1] ?? '').split('\ndata: ');
    expect(event).toBe('event: error');
    expect(JSON.parse(data)).toMatchObject({ code: 5, message: 'it went away' });
    expect(parts.slice(2)).toEqual(['']);
  });

  test('has a comment now and then while there is no news', async () => {
    const done = Promise.withResolvers<void>();
    const { target } = await start(
      async function* () {
        yield jsonReply({ n: 1 });
        await done.promise;
      },
      { heartbeatMs: 20 },
    );
    const { body } = await fetch(target, events);
    let text = '';
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.split(':\n\n').length > 3) done.resolve();
    }
    expect(text).toMatch(/^data: \{"n":1\}\n\n(:\n\n){3,}event: end\ndata: \{\}\n\n$/);
  });

  test('JSON lines have no heartbeat', async () => {
    const { target } = await start(
      async function* () {
        yield jsonReply({ n: 1 });
        await new Promise((resolve) => setTimeout(resolve, 60));
      },
      { heartbeatMs: 5 },
    );
    expect(await (await fetch(target)).text()).toBe('{"n":1}\n');
  });

  test.each([
    ['text/event-stream', true],
    ['application/json, text/event-stream', true],
    ['application/json;q=0.5, text/event-stream', true],
    ['application/json, text/event-stream;q=0.5', false],
    ['text/event-stream;q=0', false],
    ['text/event-stream;q=0, */*', false],
    ['text/*, application/json;q=0.1', true],
    ['application/x-ndjson', false],
    ['*/*', false],
    ['text/html', false],
    ['', false],
  ])('is chosen for Accept "%s": %s', async (accept, isChosen) => {
    const { target } = await start(twoMessages);
    const response = await fetch(target, { headers: { accept } });
    expect(response.headers.get('content-type') === 'text/event-stream').toBe(isChosen);
    await response.text();
  });
});

describe('the reader of a stream', () => {
  test('that leaves ends the stream', async () => {
    const ended = Promise.withResolvers<unknown>();
    const { target } = await start(async function* ({ ending: { signal } }) {
      try {
        yield jsonReply({ n: 1 });
        await once(signal, 'abort');
        throw signal.reason;
      } finally {
        ended.resolve(signal.reason);
      }
    });
    const controller = new AbortController();
    const { body } = await fetch(target, { signal: controller.signal });
    await body?.getReader().read();
    controller.abort();
    expect(await ended.promise).toMatchObject({ code: 'CANCELLED' });
  });

  test('is not sent more than it reads, and loses its connection when it reads nothing', async () => {
    let sent = 0;
    const ended = Promise.withResolvers<void>();
    const { port } = await start(
      async function* () {
        try {
          for (; sent < 10_000; sent += 1) yield jsonReply({ text: 'x'.repeat(100_000) });
        } finally {
          ended.resolve();
        }
      },
      { writeTimeoutMs: 200 },
    );
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write('GET /api/things/i:watch HTTP/1.1\r\nHost: x\r\n\r\n');
    await ended.promise;
    expect(sent).toBeLessThan(1_000);
    socket.destroy();
  });
});

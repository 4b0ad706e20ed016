import { brotliDecompressSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Reply } from '../../../src/rpc/call.ts';
import { CallError } from '../../../src/status/call-error.ts';
import { jsonReply, rawExchange, startThings, type TestHandlers } from '../../support/http-server.ts';
import { frameOf, framesOf, textFramesOf } from '../../support/rpc-frames.ts';

const CONNECT = { 'content-type': 'application/connect+json' };
const WEB = { 'content-type': 'application/grpc-web+json' };
const WEB_TEXT = { 'content-type': 'application/grpc-web-text' };

const ID_A = Buffer.from([0x0a, 1, 0x61]);

function post(url: string, rpc: string, body: Uint8Array, headers: Record<string, string>) {
  return fetch(`${url}/t.S/${rpc}`, { method: 'POST', body: new Uint8Array(body), headers });
}

async function bodyOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

const textReply = (text: string): Reply => ({
  toBinary: () => Buffer.from(text),
  toJson: () => Buffer.from(text),
});

/** Streams these, and then fails when there is an error. */
function streaming(texts: readonly string[], error?: CallError): TestHandlers {
  return {
    async *stream({ responseMetadata, responseTrailers }) {
      responseMetadata.set('x-first', '1');
      responseTrailers?.set('x-last', '2');
      for (const text of texts) yield textReply(text);
      if (error !== undefined) throw error;
    },
  };
}

/** Replies to each request with its id. */
const echoing: TestHandlers = {
  async *stream({ requests }) {
    for await (const { id } of requests ?? []) yield textReply(JSON.stringify(id));
  },
};

const gone = new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'It is gone.');

describe('a stream of the Connect protocol', () => {
  test('sends each message in a frame, and then how it ended', async () => {
    const { url, dispatcher } = await startThings(streaming(['{"n":1}', '{"n":2}']));
    const response = await post(url, 'Watch', frameOf('{"id":"a"}'), CONNECT);
    expect([response.status, response.headers.get('content-type'), response.headers.get('x-first')]).toEqual([
      200,
      'application/connect+json',
      '1',
    ]);
    expect(framesOf(await bodyOf(response)).map(({ flags, data }) => [flags, data.toString()])).toEqual([
      [0, '{"n":1}'],
      [0, '{"n":2}'],
      [2, '{"metadata":{"x-last":["2"]}}'],
    ]);
    expect(dispatcher.seen[0]).toMatchObject({ request: { id: 'a' }, incoming: { transport: 'connect' } });
  });

  test.each([[[]], [['{"n":1}']]])('that fails after %j ends with the error', async (texts) => {
    const { url } = await startThings(streaming(texts, gone));
    const response = await post(url, 'Watch', frameOf('{}'), CONNECT);
    const last = framesOf(await bodyOf(response)).at(-1);
    expect([response.status, last?.flags]).toEqual([200, 2]);
    expect(JSON.parse(last?.data.toString() ?? '')).toMatchObject({
      error: { code: 'not_found', message: 'It is gone.' },
    });
  });

  test('may have compressed frames, and compresses what is large', async () => {
    const long = JSON.stringify('x'.repeat(3_000));
    const { url, dispatcher } = await startThings(streaming(['"short"', long]));
    const headers = { ...CONNECT, 'connect-content-encoding': 'gzip', 'connect-accept-encoding': 'br' };
    const response = await post(url, 'Watch', frameOf(gzipSync('{"id":"a"}'), 1), headers);
    expect(response.headers.get('connect-content-encoding')).toBe('br');
    const [short, large] = framesOf(await bodyOf(response));
    expect([short?.flags, large?.flags]).toEqual([0, 1]);
    expect(brotliDecompressSync(large?.data ?? '').toString()).toBe(long);
    expect(dispatcher.seen[0]?.request).toEqual({ id: 'a' });
  });

  test.each<[string, Uint8Array, Record<string, string>, string]>([
    ['no message', Buffer.alloc(0), {}, 'unimplemented'],
    ['two messages', Buffer.concat([frameOf('{}'), frameOf('{}')]), {}, 'unimplemented'],
    ['half a message', frameOf('{"id":"a"}').subarray(0, 8), {}, 'invalid_argument'],
    ['half a head', Buffer.from([0, 0]), {}, 'invalid_argument'],
    ['unknown flags', frameOf('{}', 8), {}, 'invalid_argument'],
    ['a compressed frame without a compression', frameOf(gzipSync('{}'), 1), {}, 'internal'],
    ['an unknown compression', frameOf('{}', 1), { 'connect-content-encoding': 'zstd' }, 'unimplemented'],
  ])('with %s fails', async (_name, body, headers, code) => {
    const { url } = await startThings();
    const response = await post(url, 'Watch', body, { ...CONNECT, ...headers });
    expect(response.status).toBe(200);
    const [only] = framesOf(await bodyOf(response));
    expect(JSON.parse(only?.data.toString() ?? '')).toMatchObject({ error: { code } });
  });

  test('holds its message to the bound of a body, plain and inflated', async () => {
    const { url } = await startThings({}, { limits: { maxBodyBytes: 1_000 } });
    const large = JSON.stringify({ name: 'x'.repeat(2_000) });
    const headers = { ...CONNECT, 'connect-content-encoding': 'gzip' };
    for (const body of [frameOf(large), frameOf(gzipSync(large), 1)]) {
      const [only] = framesOf(await bodyOf(await post(url, 'Watch', body, headers)));
      expect(JSON.parse(only?.data.toString() ?? '')).toMatchObject({
        error: { code: 'resource_exhausted' },
      });
    }
  });

  test('ends at once when the caller leaves', async () => {
    let isEnded = false;
    const { url } = await startThings({
      async *stream({ ending: { signal } }) {
        try {
          for (;;) {
            yield textReply('1');
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
            if (signal.aborted) return;
          }
        } finally {
          isEnded = true;
        }
      },
    });
    const controller = new AbortController();
    const response = await fetch(`${url}/t.S/Watch`, {
      method: 'POST',
      body: new Uint8Array(frameOf('{}')),
      headers: CONNECT,
      signal: controller.signal,
    });
    await response.body?.getReader().read();
    controller.abort();
    await expect.poll(() => isEnded).toBe(true);
  });
});

describe('a conversation', () => {
  test('reads messages in any number of pieces', async () => {
    const { port } = await startThings(echoing);
    const body = Buffer.concat(['a', 'b', 'c'].map((id) => frameOf(JSON.stringify({ id }))));
    const pieces = [...body].map((byte) =>
      Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
    );
    const answer = await rawExchange(
      port,
      'POST /t.S/Talk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/connect+json\r\nTransfer-Encoding: chunked\r\n\r\n',
      ...pieces,
      '0\r\n\r\n',
    );
    expect(answer).toMatch(/"a".*"b".*"c".*\{\}/s);
  });

  test('replies before the caller has said everything', async () => {
    const { url } = await startThings(echoing);
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const started = fetch(`${url}/t.S/Talk`, {
      method: 'POST',
      body: readable,
      headers: CONNECT,
      duplex: 'half',
    });
    await writer.write(new Uint8Array(frameOf('{"id":"a"}')));
    const reader = (await started).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toContain('"a"');
    await writer.close();
    expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toContain('{}');
  });

  test.each([
    [
      'over the bound',
      Buffer.concat([frameOf('{"id":"a"}'), Buffer.from([0, 0, 0, 16, 0])]),
      'resource_exhausted',
    ],
    ['that breaks off', Buffer.concat([frameOf('{"id":"a"}'), Buffer.from([0, 0, 0])]), 'invalid_argument'],
    [
      'that is not a message',
      Buffer.concat([frameOf('{"id":"a"}'), frameOf('{"id":1}')]),
      'invalid_argument',
    ],
  ])('with a second message %s fails after the first', async (_name, body, code) => {
    const { url } = await startThings(echoing, { limits: { maxBodyBytes: 1_000 } });
    const [first, last] = framesOf(await bodyOf(await post(url, 'Talk', body, CONNECT)));
    expect(first?.data.toString()).toBe('"a"');
    expect(JSON.parse(last?.data.toString() ?? '')).toMatchObject({ error: { code } });
  });

  test('that is refused leaves the connection in order', async () => {
    const { port } = await startThings({
      stream: () => {
        throw gone;
      },
    });
    const answer = await rawExchange(
      port,
      'POST /t.S/Talk HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\nContent-Length: 14\r\n\r\n',
      frameOf('{"id":"a"}').subarray(0, 14),
      'GET /api/things/i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*not_found.*HTTP\/1\.1 200 .*"rpc":"Get"/s);
  });
});

describe('gRPC-Web', () => {
  test('gets a message and trailers', async () => {
    const { url, dispatcher } = await startThings({
      unary: ({ responseTrailers }) => {
        responseTrailers?.set('x-last', '2');
        return jsonReply({ a: 1 });
      },
    });
    const response = await post(url, 'Create', frameOf('{"id":"a"}'), WEB);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'application/grpc-web+json',
    ]);
    expect(framesOf(await bodyOf(response)).map(({ flags, data }) => [flags, data.toString()])).toEqual([
      [0, '{"a":1}'],
      [0x80, 'x-last: 2\r\ngrpc-status: 0\r\n'],
    ]);
    expect(dispatcher.seen[0]?.incoming).toMatchObject({ transport: 'grpc_web', form: 'json' });
  });

  test('gets the status of a failure, its text and its details', async () => {
    const error = new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'It is gone: ü%.');
    const { url } = await startThings({ unary: () => Promise.reject(error) });
    const response = await post(url, 'Create', frameOf('{}'), WEB);
    const [only] = framesOf(await bodyOf(response));
    expect([response.status, only?.flags]).toEqual([200, 0x80]);
    expect(only?.data.toString()).toMatch(
      /^grpc-status: 5\r\ngrpc-message: It%20is%20gone:%20%C3%BC%25\.\r\ngrpc-status-details-bin: [A-Za-z0-9+/]+\r\n$/,
    );
  });

  test('streams', async () => {
    const { url } = await startThings(streaming(['{"n":1}', '{"n":2}'], gone));
    const frames = framesOf(await bodyOf(await post(url, 'Watch', frameOf('{}'), WEB)));
    expect(frames.map(({ flags }) => flags)).toEqual([0, 0, 0x80]);
    expect(frames.at(-1)?.data.toString()).toContain('grpc-status: 5');
  });

  test('in text is base64 both ways, each part of which may be padded', async () => {
    const { url, dispatcher } = await startThings(streaming(['1', '22', '333']));
    const frame = frameOf(ID_A);
    const text = frame.subarray(0, 4).toString('base64') + frame.subarray(4).toString('base64');
    expect(text).toContain('==');
    const response = await post(url, 'Watch', Buffer.from(text), WEB_TEXT);
    expect(response.headers.get('content-type')).toBe('application/grpc-web-text');
    const frames = textFramesOf(await response.text());
    expect(frames.map(({ data }) => data.toString()).slice(0, 3)).toEqual(['1', '22', '333']);
    expect(frames.at(-1)).toMatchObject({ flags: 0x80 });
    expect(dispatcher.seen[0]?.request).toEqual({ id: 'a' });
  });

  test.each(['AAAA*', 'AAA', 'A=AA'])('refuses %s, which is not base64', async (text) => {
    const { url } = await startThings();
    const response = await post(url, 'Watch', Buffer.from(text), WEB_TEXT);
    expect(textFramesOf(await response.text())[0]?.data.toString()).toContain('grpc-status: 3');
  });

  test('has the time that grpc-timeout gives it', async () => {
    const { url, dispatcher } = await startThings({}, { now: () => 1_000_000 });
    await post(url, 'Create', frameOf('{}'), { ...WEB, 'grpc-timeout': '2S' });
    expect(dispatcher.seen[0]?.incoming.deadline).toBe(1_002_000);
    const response = await post(url, 'Create', frameOf('{}'), { ...WEB, 'grpc-timeout': 'soon' });
    expect((await bodyOf(response)).toString()).toContain('grpc-status: 3');
  });

  test('is refused from a page of another origin, in its own terms', async () => {
    const { url } = await startThings();
    const response = await post(url, 'Create', frameOf('{}'), { ...WEB, origin: 'https://evil.example' });
    expect([response.status, (await bodyOf(response)).toString()]).toEqual([
      200,
      expect.stringContaining('grpc-status: 7'),
    ]);
  });
});

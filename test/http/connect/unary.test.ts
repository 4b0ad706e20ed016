import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CallError } from '../../../src/status/call-error.ts';
import { sendHttp } from '../../support/http-request.ts';
import { jsonReply, rawExchange, startThings, type TestHandlers } from '../../support/http-server.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const PROTO_TYPE = { 'content-type': 'application/proto' };

/** `id: "a"` as the bytes of a Req. */
const ID_A = Buffer.from([0x0a, 1, 0x61]);

function post(
  url: string,
  rpc: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = JSON_TYPE,
) {
  return fetch(`${url}/t.S/${rpc}`, { method: 'POST', body, headers });
}

describe('a unary call', () => {
  test('in JSON reaches its rpc, and gets JSON', async () => {
    const { url, dispatcher } = await startThings();
    const response = await post(url, 'Create', '{"id":"a","name":"ü"}');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({ rpc: 'Create', request: { id: 'a', name: 'ü' } });
    expect(dispatcher.seen[0]?.incoming).toMatchObject({
      transport: 'connect',
      form: 'json',
      deadline: undefined,
    });
  });

  test('in binary gets the bytes of its reply', async () => {
    const reply = { ...jsonReply({}), toBinary: () => Buffer.from([1, 2, 3]) };
    const { url, dispatcher } = await startThings({ unary: () => reply });
    const response = await post(url, 'Create', ID_A, PROTO_TYPE);
    expect(response.headers.get('content-type')).toBe('application/proto');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([1, 2, 3]));
    expect(dispatcher.seen[0]?.request).toEqual({ id: 'a' });
    expect(dispatcher.seen[0]?.incoming.form).toBe('binary');
  });

  test('keeps every digit of a number', async () => {
    const exact = '{"value":{"big":12345678901234567890,"tenth":0.10000000000000000001,"far":1e400}}';
    const { url, dispatcher } = await startThings({
      unary: () => ({ ...jsonReply({}), toJson: () => Buffer.from(exact) }),
    });
    const response = await post(url, 'Raw', '{"method":"GET","path":"/v2/x","body":{"n":9007199254740993}}');
    expect(await response.text()).toBe(exact);
    expect(dispatcher.seen[0]?.request?.['body']).toEqual({ n: 9007199254740993n });
  });

  test.each([
    ['gzip', gzipSync('{"id":"a"}')],
    ['br', brotliCompressSync('{"id":"a"}')],
    ['identity', Buffer.from('{"id":"a"}')],
  ])('may be compressed with %s', async (encoding, body) => {
    const { url, dispatcher } = await startThings();
    const response = await post(url, 'Create', new Uint8Array(body), {
      ...JSON_TYPE,
      'content-encoding': encoding,
    });
    expect(response.status).toBe(200);
    expect(dispatcher.seen[0]?.request).toEqual({ id: 'a' });
  });

  test('gets a reply over 1 KB compressed, in binary, too', async () => {
    const long = 'x'.repeat(5_000);
    const { port } = await startThings({
      unary: () => ({ ...jsonReply({}), toBinary: () => Buffer.from(long) }),
    });
    const response = await fetchRaw(port, 'gzip');
    expect(response.encoding).toBe('gzip');
    expect(gunzipSync(response.body).toString()).toBe(long);
  });

  test('takes its metadata from the headers, under their own names', async () => {
    const { url, dispatcher } = await startThings();
    const headers = {
      authorization: 'Bearer T',
      'idempotency-key': 'k',
      'x-mine': 'v',
      'x-mine-bin': 'AAE',
      prefer: 'wait=1',
    };
    await post(url, 'Create', '{}', {
      ...JSON_TYPE,
      ...headers,
      'connect-protocol-version': '1',
      cookie: 'a=b',
    });
    const metadata = Object.fromEntries(dispatcher.seen[0]?.incoming.metadata ?? []);
    expect(metadata).toMatchObject(headers);
    expect(Object.keys(metadata).filter((name) => /^(?:connect-|content-|host|cookie)/.test(name))).toEqual(
      [],
    );
  });

  test('gets its response metadata as headers, and trailers with a prefix', async () => {
    const { url } = await startThings({
      unary: ({ responseMetadata, responseTrailers }) => {
        responseMetadata
          .set('x-request-id', 'r')
          .set('mine', 'v\n')
          .set('content-type', 'no')
          .set('bad name', 'x');
        responseTrailers?.set('last', 'w');
        return jsonReply({});
      },
    });
    const { headers } = await post(url, 'Create', '{}');
    expect([headers.get('x-request-id'), headers.get('mine'), headers.get('trailer-last')]).toEqual([
      'r',
      'v?',
      'w',
    ]);
    expect(headers.get('content-type')).toBe('application/json');
  });

  test('has the time that Connect-Timeout-Ms gives it', async () => {
    const handlers: TestHandlers = {};
    const { url, dispatcher } = await startThings(handlers, { now: () => 1_000_000 });
    await post(url, 'Create', '{}', { ...JSON_TYPE, 'connect-timeout-ms': '2500' });
    expect(dispatcher.seen[0]?.incoming.deadline).toBe(1_002_500);
  });

  test.each([
    ['connect-timeout-ms', '1s'],
    ['connect-timeout-ms', '12345678901'],
    ['connect-protocol-version', '2'],
  ])('with the header %s: %s is refused as one of its rpc', async (name, value) => {
    const { url, dispatcher } = await startThings();
    const response = await post(url, 'Create', '{}', { ...JSON_TYPE, [name]: value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining(name),
    });
    expect(dispatcher.seen[0]?.error).toMatchObject({ reason: 'INVALID_REQUEST' });
  });
});

/** A POST whose response stays compressed. */
async function fetchRaw(
  port: number,
  encoding: string,
): Promise<{ encoding: string | undefined; body: Buffer }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const headers = { ...PROTO_TYPE, 'accept-encoding': encoding, 'content-length': 0 };
    const outgoing = request(
      { host: '127.0.0.1', port, method: 'POST', path: '/t.S/Create', headers },
      (incoming) => {
        incoming
          .toArray()
          .then(
            (chunks) =>
              resolve({ encoding: incoming.headers['content-encoding'], body: Buffer.concat(chunks) }),
            reject,
          );
      },
    );
    outgoing.on('error', reject).end();
  });
}

describe('a failure', () => {
  test('is JSON of the Connect protocol, with details for programs and for people', async () => {
    const error = new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'Too fast.', { retryDelayMs: 1_500 });
    const { url } = await startThings({ unary: () => Promise.reject(error) });
    const response = await post(url, 'Create', ID_A, PROTO_TYPE);
    expect([
      response.status,
      response.headers.get('content-type'),
      response.headers.get('retry-after'),
    ]).toEqual([429, 'application/json', '2']);
    const { code, message, details } = (await response.json()) as Record<string, never>;
    expect([code, message]).toEqual(['resource_exhausted', 'Too fast.']);
    expect(details).toEqual([
      {
        type: 'google.rpc.ErrorInfo',
        value: expect.stringMatching(/^[A-Za-z0-9+/]+$/),
        debug: expect.objectContaining({ reason: 'RATE_LIMITED' }),
      },
      {
        type: 'google.rpc.RetryInfo',
        value: expect.stringMatching(/^[A-Za-z0-9+/]+$/),
        debug: { retryDelay: '1.5s' },
      },
    ]);
  });

  test.each([
    ['CANCELLED', 'canceled', 499],
    ['INVALID_ARGUMENT', 'invalid_argument', 400],
    ['DEADLINE_EXCEEDED', 'deadline_exceeded', 504],
    ['UNAUTHENTICATED', 'unauthenticated', 401],
    ['UNIMPLEMENTED', 'unimplemented', 501],
    ['UNAVAILABLE', 'unavailable', 503],
  ] as const)('with the code %s is %s and has the status %s', async (code, name, status) => {
    const { url } = await startThings({
      unary: () => Promise.reject(new CallError(code, 'VULTR_FAILED', 'x')),
    });
    const response = await post(url, 'Create', '{}');
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: name });
  });

  test.each([
    ['{"id":1}', 'id: '],
    ['{"nmae":"x"}', 'Did you mean name?'],
    ['{', 'cannot be read as JSON'],
    ['', 'cannot be read as JSON'],
  ])('of the JSON %s says what is wrong', async (body, text) => {
    const { url } = await startThings();
    const response = await post(url, 'Create', body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { message: string }).message).toContain(text);
  });
});

describe('a request that is no call', () => {
  test.each([
    ['GET', 'Create', {}, 405, 'POST'],
    ['PUT', 'Get', JSON_TYPE, 405, 'GET, HEAD, POST'],
    ['GET', 'Watch', {}, 405, 'POST'],
  ])('%s of %s is refused', async (method, rpc, headers, status, allow) => {
    const { url, dispatcher } = await startThings();
    const response = await fetch(`${url}/t.S/${rpc}`, { method, headers });
    expect([response.status, response.headers.get('allow')]).toEqual([status, allow]);
    expect(dispatcher.refusals).toMatchObject([
      { target: `/t.S/${rpc}`, error: { reason: 'METHOD_NOT_ALLOWED' } },
    ]);
  });

  test.each([
    ['text/plain', 'Create'],
    ['application/json; charset=latin1', 'Create'],
    ['application/grpc', 'Create'],
    ['application/connect+proto', 'Create'],
    ['application/json', 'Watch'],
    ['application/proto', 'Watch'],
  ])('with the media type %s for %s is refused', async (type, rpc) => {
    const { url, dispatcher } = await startThings();
    const response = await post(url, rpc, 'x', { 'content-type': type });
    expect(response.status).toBe(415);
    expect(response.headers.get('accept-post')).toContain('application/connect+proto');
    expect(dispatcher.seen).toEqual([]);
  });

  test.each([
    ['of an unknown rpc', 'Creat', PROTO_TYPE],
    ['of the wrong media type', 'Create', { 'content-type': 'text/plain' }],
    ['from a page of another origin', 'Create', { ...JSON_TYPE, origin: 'https://evil.example' }],
    [
      'from such a page, by gRPC-Web',
      'Create',
      { 'content-type': 'application/grpc-web+json', origin: 'https://evil.example' },
    ],
  ])('%s is logged under the id that its caller is told', async (_name, rpc, headers) => {
    const { url, dispatcher } = await startThings();
    const named = await post(url, rpc, '', { ...headers, 'x-request-id': 'mine-1' });
    const unnamed = await post(url, rpc, '', headers);
    const ids = [named, unnamed].map((response) => response.headers.get('x-request-id'));
    expect(ids).toEqual(['mine-1', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(dispatcher.refusals.map(({ requestId }) => requestId)).toEqual(ids);
  });

  test('for an rpc that does not exist says which one was meant', async () => {
    const { url } = await startThings();
    const response = await post(url, 'Creat', '', PROTO_TYPE);
    expect([response.status, await response.text()]).toEqual([
      404,
      'There is no such rpc. Did you mean /t.S/Create?\n',
    ]);
  });
});

describe('a GET', () => {
  const get = (url: string, query: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/t.S/Get?connect=v1&${query}`, { headers });

  test.each([
    ['JSON', 'encoding=json&message=%7B%22id%22%3A%22a%22%7D'],
    ['JSON in base64', `encoding=json&base64=1&message=${Buffer.from('{"id":"a"}').toString('base64url')}`],
    ['binary', `encoding=proto&base64=1&message=${ID_A.toString('base64url')}`],
    ['gzip', `encoding=proto&base64=1&compression=gzip&message=${gzipSync(ID_A).toString('base64url')}`],
  ])('brings its message in the query: %s', async (_name, query) => {
    const { url, dispatcher } = await startThings();
    expect((await get(url, query)).status).toBe(200);
    expect(dispatcher.seen[0]?.request).toEqual({ id: 'a' });
  });

  test('of something public can be kept, and is told when nothing has changed', async () => {
    const cache = { state: 'hit', ageMs: 1_000, freshMs: 60_000 } as const;
    const { url } = await startThings({ unary: () => jsonReply({ a: 1 }, { origin: { cache } }) });
    const first = await get(url, 'encoding=json&message=%7B%7D');
    expect(first.headers.get('cache-control')).toBe('public, max-age=60');
    const etag = first.headers.get('etag') ?? '';
    const second = await get(url, 'encoding=json&message=%7B%7D', { 'if-none-match': etag });
    expect([second.status, await second.text()]).toEqual([304, '']);
  });

  test('of anything else cannot be kept', async () => {
    const { url } = await startThings();
    expect((await get(url, 'encoding=json&message=%7B%7D')).headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['encoding=json', 400, 'message'],
    ['encoding=json&message=%7B%7D&base64=yes', 400, 'base64'],
    ['encoding=proto&base64=1&message=***', 400, 'base64'],
    ['encoding=xml&message=', 415, 'encoding'],
    ['message=%7B%7D', 415, 'encoding'],
    ['encoding=json&message=%7B%7D&compression=zstd', 501, 'zstd'],
  ])('with the query %s is refused', async (query, status, text) => {
    const { url } = await startThings();
    const response = await get(url, query);
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining(text)]);
  });

  test('of another version is refused', async () => {
    const { url } = await startThings();
    const response = await fetch(`${url}/t.S/Get?connect=v2&encoding=json&message=%7B%7D`);
    expect(response.status).toBe(400);
  });
});

describe('the bounds', () => {
  test('hold for a body, plain and inflated', async () => {
    const { url } = await startThings({}, { limits: { maxBodyBytes: 1_000 } });
    const large = JSON.stringify({ name: 'x'.repeat(2_000) });
    const plain = await post(url, 'Create', large);
    expect([plain.status, await plain.json()]).toEqual([
      429,
      expect.objectContaining({ code: 'resource_exhausted' }),
    ]);
    const body = gzipSync(large);
    expect(body.length).toBeLessThan(1_000);
    const bomb = await post(url, 'Create', new Uint8Array(body), {
      ...JSON_TYPE,
      'content-encoding': 'gzip',
    });
    expect([bomb.status, await bomb.json()]).toEqual([
      429,
      expect.objectContaining({ code: 'resource_exhausted' }),
    ]);
  });

  test('hold for the memory of all bodies, inflated ones included', async () => {
    const { url } = await startThings({}, { limits: { maxBodyBytes: 40_000, maxReceivedBytes: 20_000 } });
    const body = new Uint8Array(gzipSync(JSON.stringify({ name: 'x'.repeat(30_000) })));
    const response = await post(url, 'Create', body, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect([response.status, await response.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'unavailable' }),
    ]);
  });

  test('hold for the time that a body takes', async () => {
    const { port } = await startThings({}, { limits: { requestTimeoutMs: 150 } });
    const head =
      'POST /t.S/Create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n';
    const answer = await rawExchange(port, `${head}{"id":`);
    expect(answer).toMatch(/^HTTP\/1\.1 504 /);
    expect(answer).toContain('"code":"deadline_exceeded"');
  });

  test('hold for how many values a message has', async () => {
    const { url } = await startThings();
    const body = JSON.stringify({
      method: 'GET',
      path: '/v2/x',
      body: Array.from({ length: 30_000 }, () => 1),
    });
    const response = await post(url, 'Raw', body);
    expect(response.status).toBe(400);
  });

  test('a body that is not compressed as it says is refused', async () => {
    const { url } = await startThings();
    const response = await post(url, 'Create', '{}', { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid_argument' }),
    ]);
  });
});

describe('the guard against web pages', () => {
  const EVIL = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };

  test('refuses a call of another origin that does more than read', async () => {
    const { url, dispatcher } = await startThings();
    const response = await post(url, 'Create', '{}', { ...JSON_TYPE, ...EVIL });
    expect([response.status, await response.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'permission_denied' }),
    ]);
    expect([dispatcher.seen.length, dispatcher.refusals.length]).toEqual([0, 1]);
  });

  test('refuses a secret to a page of another origin, by GET as well', async () => {
    const { url } = await startThings();
    expect((await post(url, 'Secret', '{}', { ...JSON_TYPE, ...EVIL })).status).toBe(403);
  });

  test('lets the pages of an allowed origin call, and read what they need', async () => {
    const { url } = await startThings({}, { corsOrigins: ['https://good.example'] });
    const origin = { origin: 'https://good.example' };
    const preflight = await fetch(`${url}/t.S/Create`, {
      method: 'OPTIONS',
      headers: {
        ...origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers':
          'connect-protocol-version,connect-timeout-ms,content-type,x-grpc-web',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('connect-protocol-version');
    const response = await post(url, 'Create', '{}', { ...JSON_TYPE, ...origin });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://good.example',
    ]);
    const exposed = response.headers.get('access-control-expose-headers')?.toLowerCase();
    for (const name of ['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'x-request-id', 'etag'])
      expect(exposed).toContain(name);
  });

  test('refuses a host that is not the service', async () => {
    const { port } = await startThings({}, { allowedHosts: new Set(['localhost']) });
    const { status, text } = await sendHttp(
      `127.0.0.1:${port}`,
      'POST',
      '/t.S/Get',
      {},
      { host: 'evil.example' },
    );
    expect([status, JSON.parse(text)]).toEqual([403, expect.objectContaining({ code: 'permission_denied' })]);
  });
});

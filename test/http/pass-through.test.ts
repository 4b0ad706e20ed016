import { describe, expect, test } from 'vitest';
import type { HttpReply, VerbatimRequest } from '../../src/rpc/call.ts';
import { httpReply } from '../../src/rpc/reply.ts';
import { rawExchange, startThings } from '../support/http-server.ts';

const NO_CONTENT: HttpReply = { status: 204, contentType: undefined, body: new Uint8Array() };

/** Sends the bytes of a request and hands back what the dispatcher was given. */
async function seen(
  line: string,
  headers: readonly string[] = [],
  body = '',
): Promise<{ rpc: string; effect: string; request: VerbatimRequest | undefined; response: string }> {
  const { port, dispatcher } = await startThings({ unary: () => httpReply(NO_CONTENT) });
  const head = [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers];
  const response = await rawExchange(port, `${head.join('\r\n')}\r\n\r\n${body}`);
  const [call] = dispatcher.seen;
  expect(call?.request).toBeUndefined();
  const { rpc = '', effect = '' } = call?.incoming.operation ?? {};
  return { rpc, effect, request: call?.verbatim, response };
}

/** Replies to a request with a given response of Vultr, and hands back what the caller receives. */
async function received(http: HttpReply, line = 'GET /v2/things/i'): Promise<string> {
  const { port } = await startThings({ unary: () => httpReply(http) });
  return await rawExchange(port, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

describe('a request below /v2 or /scim', () => {
  test.each([
    ['GET /v2/things/i', 'GetV2', 'READ'],
    ['HEAD /v2/things/i', 'GetV2', 'READ'],
    ['DELETE /v2/things/i', 'DeleteV2', 'DESTROY'],
    ['POST /v2/things/i/halt', 'HaltV2', 'CHANGE'],
    ['PATCH /v2/things/i', 'Raw', 'CREATE'],
    ['OPTIONS /v2/things/i', 'Raw', 'SECRET'],
    ['GET /v2/newer-than-the-contract', 'Raw', 'SECRET'],
    ['PUT /v2/newer-than-the-contract', 'Raw', 'CREATE'],
    ['DELETE /v2/newer-than-the-contract', 'Raw', 'DESTROY'],
    ['PROPFIND /v2/things/i', 'Raw', 'CREATE'],
    ['GET /scim/v2/Users', 'Raw', 'SECRET'],
  ])('%s is the call %s with the effect %s', async (line, rpc, effect) => {
    const call = await seen(line);
    const [method = '', path = ''] = line.split(' ');
    expect([call.rpc, call.effect]).toEqual([rpc, effect]);
    expect(call.request).toMatchObject({ method, path, query: '', body: undefined });
  });

  test.each([
    '/v2/things/a%2Fb',
    '/v2/things/a%2fb%20c',
    '/v2/things/%E2%82%AC',
    '/v2/things/%FF',
    '/v2/things/%25zz',
    '/v2//things//i/',
    '/v2/things/...',
    '/v2/things/i:watch',
    "/v2/things/i;a=1,b='(x)'!$&*+@",
    '/v2/things/~-._',
    '/v2/',
  ])('keeps the path %s as it is written', async (path) => {
    expect((await seen(`GET ${path}`)).request).toMatchObject({ path, query: '' });
  });

  test.each([
    '',
    'label=a%20b+c&label=&=x&&per_page=010',
    '?accessToken=T',
    'a=%FF%00&b=%zz&c[d]=[1]&e={"f":1}|`^',
    'next=..%2F..%2Fetc&x=../..',
    'no_such_parameter=1',
  ])('keeps the query "%s" as it is written', async (query) => {
    const { request } = await seen(`GET /v2/things/i?${query}`);
    expect(request).toMatchObject({ path: '/v2/things/i', query });
  });

  test.each([
    ['not JSON', '<xml/>'],
    ['a member twice', '{"a":1,"a":2}'],
    ['a line break at the end', '{"a":1}\n'],
    ['blanks and long numbers', ' {"n" : 12345678901234567890.10 }\r\n'],
    ['unknown members of any type', '{"nmae":[null,{"x":1}]}'],
    ['a broken escape', '{"a":"\\ud800'],
    ['a zero byte', '\u0000'],
  ])('keeps the bytes of a body with %s', async (_name, body) => {
    const headers = [`Content-Length: ${Buffer.byteLength(body)}`, 'Content-Type: application/json'];
    const { request } = await seen('PATCH /v2/things/i', headers, body);
    expect(Buffer.from(request?.body ?? []).toString()).toBe(body);
  });

  test('keeps a body that is not text, and one of a GET', async () => {
    const { url, dispatcher } = await startThings({ unary: () => httpReply(NO_CONTENT) });
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await fetch(`${url}/v2/unknown`, { method: 'POST', body: bytes });
    expect(Buffer.from(dispatcher.seen[0]?.verbatim?.body ?? [])).toEqual(Buffer.from(bytes));
    expect((await seen('GET /v2/things/i', ['Content-Length: 2'], '{}')).request?.body).toHaveLength(2);
  });

  test.each([
    [undefined, undefined],
    ['application/json', 'application/scim+json;charset=utf-8'],
    ['text/plain; charset="x y"', '*/*;q=0.1, application/yaml'],
  ])('keeps Content-Type %s and Accept %s', async (contentType, accept) => {
    const headers = [
      ...(contentType === undefined ? [] : [`Content-Type: ${contentType}`]),
      ...(accept === undefined ? [] : [`Accept: ${accept}`]),
    ];
    const { request } = await seen('POST /v2/unknown', [...headers, 'Content-Length: 1'], 'x');
    expect([request?.contentType, request?.accept]).toEqual([contentType, accept]);
  });

  test('goes without an Accept that asks for anything, which is what clients send that do not care', async () => {
    expect((await seen('GET /v2/things/i', ['Accept: */*'])).request?.accept).toBeUndefined();
  });

  test.each([
    '/v2/..',
    '/v2/things/../i',
    '/v2/things/.',
    '/v2/things/%2e%2e/i',
    '/v2/things/.%2E',
    '/v2/things/%252e%252e',
    '/v2/things/..%2Fi',
    '/v2/things/x%2F..%2Fi',
    '/v2/things/..;x/i',
    '/v2/things/%5c..%5ci',
    '/v2/things/%00',
    '/v2/things/%0d%0aX:1',
    '/v2/things/a%7Fb',
    '/v2/things/"i"',
    '/v2/things/%',
    '/v2/things/%zz',
    '/scim/v2/../v2/Users',
  ])('with the path %s is refused in the form of Vultr', async (path) => {
    const { port, dispatcher } = await startThings();
    const response = await rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const [head, body = ''] = response.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    const { message } = JSON.parse(body) as { message: string };
    expect(message).toMatch(/^The path /);
    expect(body.startsWith(`{"error":${JSON.stringify(message)},"status":400,"code":3,`)).toBe(true);
    expect(dispatcher.seen).toEqual([]);
    expect(dispatcher.refusals).toMatchObject([{ error: { reason: 'INVALID_REQUEST' } }]);
  });

  test('over the limit is 413 in the form of Vultr', async () => {
    const { url } = await startThings({}, { limits: { maxBodyBytes: 100 } });
    const post = (length: number) =>
      fetch(`${url}/v2/unknown`, { method: 'POST', body: new Uint8Array(length) });
    expect((await post(100)).status).toBe(200);
    const refused = await post(101);
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ error: expect.any(String), status: 413, code: 8 });
  });
});

describe('a response of Vultr', () => {
  test.each<[string, HttpReply]>([
    [
      'JSON, as it is written',
      { status: 201, contentType: 'application/json', body: Buffer.from('{ "a":1 }\n') },
    ],
    ['YAML', { status: 200, contentType: 'application/yaml', body: Buffer.from('a: b\n') }],
    ['of a new kind', { status: 207, contentType: 'application/x.new;v=1', body: Buffer.from([0, 255]) }],
    ['that is no content', { status: 202, contentType: undefined, body: new Uint8Array() }],
  ])('%s passes with its status, type and bytes', async (_name, http) => {
    const { url } = await startThings({ unary: () => httpReply(http) });
    const response = await fetch(`${url}/v2/things/i`);
    expect(response.status).toBe(http.status);
    expect(response.headers.get('content-type') ?? undefined).toBe(http.contentType);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from(http.body));
  });

  test.each([301, 302, 303, 307, 308])('%i with a Location is passed on and not followed', async (status) => {
    const headers = { location: 'https://elsewhere.example/v2/x?y=%20' };
    const response = await received({ ...NO_CONTENT, status, headers });
    expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(response).toContain('\r\nlocation: https://elsewhere.example/v2/x?y=%20\r\n');
  });

  test('keeps its Retry-After', async () => {
    const response = await received({
      ...NO_CONTENT,
      headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' },
    });
    expect(response).toContain('\r\nretry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n');
  });

  test('to HEAD has the headers of a GET and no content', async () => {
    const http = { status: 200, contentType: 'application/json', body: Buffer.from('{"a":1}') };
    const [head, body] = (await received(http, 'HEAD /v2/things/i')).split('\r\n\r\n');
    expect(head).toContain('content-length: 7');
    expect(body).toBe('');
  });

  test('must not be kept by anybody unless it is public', async () => {
    expect(await received(NO_CONTENT)).toContain('\r\ncache-control: no-store\r\n');
    const body = Buffer.from('{}');
    const cache = { state: 'hit', ageMs: 0, freshMs: 60_000 } as const;
    const { url } = await startThings({
      unary: () => httpReply({ status: 200, contentType: 'application/json', body }, { cache }),
    });
    const first = await fetch(`${url}/v2/things/i`);
    expect(first.headers.get('cache-control')).toBe('public, max-age=60');
    const etag = first.headers.get('etag') ?? '';
    const second = await fetch(`${url}/v2/things/i`, { headers: { 'if-none-match': etag } });
    expect([second.status, await second.text()]).toEqual([304, '']);
  });
});

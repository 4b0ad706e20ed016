import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startThings } from '../support/http-server.ts';

describe('metadata and deadline', () => {
  async function seen(headers: Record<string, string | string[]>) {
    const { port, dispatcher } = await startThings({}, { now: () => 1_000_000 });
    const request = httpRequest({ port, host: '127.0.0.1', path: '/api/things/i', headers });
    request.end();
    const [response] = await once(request, 'response');
    response.resume();
    const [call] = dispatcher.seen;
    return { status: response.statusCode as number, incoming: call?.incoming, error: call?.error };
  }

  test('headers that callers may set become metadata, others do not', async () => {
    const { incoming } = await seen({
      Authorization: 'Bearer T',
      'Grpc-Metadata-Custom': ['a', 'b'],
      'grpc-metadata-data-bin': 'AQID',
      'X-Request-Id': 'r1',
      traceparent: '00-1-2-3',
      'Idempotency-Key': 'k',
      'User-Agent': 'test',
      Cookie: 'secret',
      'X-Other': 'x',
    });
    expect(Object.fromEntries(incoming?.metadata ?? [])).toEqual({
      authorization: 'Bearer T',
      custom: 'a, b',
      'data-bin': 'AQID',
      'x-request-id': 'r1',
      traceparent: '00-1-2-3',
      'idempotency-key': 'k',
      'user-agent': 'test',
    });
  });

  test('the headers in which proxies name their callers are evidence, in the order in which they came', async () => {
    const { incoming } = await seen({
      'X-Forwarded-Client-Cert': ['URI=a', 'URI=b'],
      'L5d-Client-Id': 'c.example',
      'Grpc-Metadata-L5d-Client-Id': 'd.example',
    });
    expect(incoming?.evidence()).toMatchObject({
      address: '127.0.0.1',
      certificate: undefined,
      identityHeaders: { 'x-forwarded-client-cert': 'URI=a,URI=b', 'l5d-client-id': 'c.example' },
    });
    const plain = await seen({ 'Grpc-Metadata-L5d-Client-Id': 'd.example' });
    expect(plain.incoming?.evidence().identityHeaders).toEqual({});
  });

  test.each([
    { 'grpc-metadata-x-bin': 'no base64!' },
    { 'grpc-metadata-x': 'caf\u00e9' },
    { 'grpc-metadata-grpc-status': '0' },
    { 'grpc-metadata-': 'x' },
    { 'grpc-metadata-a!b': 'x' },
    { authorization: 'Bearer \u00e9' },
    { authorization: 'a', 'grpc-metadata-authorization': 'b' },
    { authorization: ['a', 'b'] },
    { 'grpc-timeout': '10' },
    { 'grpc-timeout': '5s' },
    { 'grpc-timeout': '-5S' },
    { 'grpc-timeout': '123456789S' },
    { 'grpc-timeout': '1.5S' },
    { 'grpc-timeout': ' ' },
    { 'grpc-timeout': ['1S', '2S'] },
  ])('%j is refused as the call of its operation', async (headers) => {
    const { status, error } = await seen(headers as Record<string, string | string[]>);
    expect(status).toBe(400);
    expect(error?.violations[0]?.field).toBe(Object.keys(headers).at(-1));
  });

  test('a header for tracing that metadata cannot carry is left out', async () => {
    const { status, incoming } = await seen({ 'user-agent': 'caf\u00e9', 'x-request-id': 'ok' });
    expect(status).toBe(200);
    expect([...(incoming?.metadata.keys() ?? [])]).toEqual(['x-request-id']);
  });

  test.each([
    ['1H', 3_600_000],
    ['99999999H', 359_999_996_400_000],
    ['2M', 120_000],
    ['5S', 5_000],
    ['20m', 20],
    ['1500u', 2],
    ['1n', 1],
    ['0S', 0],
  ])('grpc-timeout %s is a deadline', async (timeout, ms) => {
    const { incoming } = await seen({ 'grpc-timeout': timeout });
    expect(incoming?.deadline).toBe(1_000_000 + ms);
  });
});

describe('OPTIONS and CORS', () => {
  const preflight = {
    origin: 'https://page',
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'x-a',
  };

  test('an OPTIONS that is not a preflight is routed like any method', async () => {
    const { url } = await startThings({}, { corsOrigins: ['*'] });
    const response = await fetch(`${url}/api/things/i/options`, {
      method: 'OPTIONS',
      headers: { origin: 'https://page' },
    });
    expect(await response.json()).toMatchObject({ rpc: 'Options' });
    expect((await fetch(`${url}/api/things/i`, { method: 'OPTIONS' })).status).toBe(405);
  });

  test('a preflight allows nothing unless origins are configured', async () => {
    const { url, dispatcher } = await startThings();
    const response = await fetch(`${url}/api/things/i/options`, { method: 'OPTIONS', headers: preflight });
    expect(response.status).toBe(204);
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(dispatcher.seen).toEqual([]);
  });

  test('a preflight of an allowed origin is granted, one of another is not', async () => {
    const { url } = await startThings({}, { corsOrigins: ['https://page'] });
    const allowed = await fetch(`${url}/api/things/i`, { method: 'OPTIONS', headers: preflight });
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': 'https://page',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a',
      vary: 'Origin',
    });
    const other = await fetch(`${url}/api/things/i`, {
      method: 'OPTIONS',
      headers: { ...preflight, origin: 'https://evil' },
    });
    expect(other.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('a response may be read by the pages of an allowed origin, errors too', async () => {
    const { url } = await startThings({}, { corsOrigins: ['https://page'] });
    for (const path of ['/api/things/i', '/nothing']) {
      const response = await fetch(url + path, { headers: { origin: 'https://page' } });
      expect(response.headers.get('access-control-allow-origin')).toBe('https://page');
      expect(response.headers.get('vary')).toBe('Origin, Accept-Encoding');
    }
  });
});

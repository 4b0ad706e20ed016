import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { startThings } from '../support/http-server.ts';

describe('a refusal', () => {
  test('of an unknown path is 404 and noted', async () => {
    const { url, dispatcher } = await startThings();
    const response = await fetch(`${url}/nothing?accessToken=secret`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      code: 5,
      details: [
        { reason: 'ROUTE_NOT_FOUND', domain: 'vultr-grpc' },
        {
          '@type': 'type.googleapis.com/google.rpc.RequestInfo',
          requestId: response.headers.get('x-request-id'),
        },
      ],
    });
    expect(dispatcher.refusals).toMatchObject([{ target: '/nothing', error: { reason: 'ROUTE_NOT_FOUND' } }]);
  });

  test.each([
    ['/api/thigns', '/api/things'],
    ['/api/thngs/KEY-0123456789', '/api/things/{id}'],
    ['/API/Things/i', '/api/things/{id}'],
    ['/api/things/i/holt', '/api/things/{id}/halt'],
  ])('of the path %s suggests %s, and repeats nothing of it', async (path, suggestion) => {
    const { url } = await startThings();
    const { message } = (await (await fetch(url + path, { method: 'POST' })).json()) as { message: string };
    expect(message).toBe(`There is no operation at this path. Did you mean ${suggestion}?`);
  });

  test('of a path that is near to nothing suggests nothing', async () => {
    const { url } = await startThings();
    for (const path of ['/nothing', '/api/machines', `/api/${'x'.repeat(10_000)}`, '/'.repeat(10_000)]) {
      const { message } = (await (await fetch(url + path)).json()) as { message: string };
      expect(message).toBe(
        'There is no operation at this path. GET /docs and /openapi.json list what there is.',
      );
    }
  });

  test('of a method names those that the path has', async () => {
    const { url } = await startThings();
    const response = await fetch(`${url}/api/things/i`, { method: 'PATCH' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await response.json()).toMatchObject({
      code: 12,
      details: [{ reason: 'METHOD_NOT_ALLOWED' }, {}],
    });
  });

  test('is the JSON of google.rpc.Status, with the headers that belong to it', async () => {
    const error = new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'later', {
      retryDelayMs: 1_200,
      httpHeaders: { 'x-a': 'b' },
    });
    const { url } = await startThings({
      unary: ({ responseMetadata }) => {
        responseMetadata.set('x-request-id', 'r');
        throw error;
      },
    });
    const response = await fetch(`${url}/api/things/i`);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('x-a')).toBe('b');
    expect(response.headers.get('x-request-id')).toBe('r');
    expect(await response.json()).toMatchObject({
      code: 8,
      message: 'later',
      details: [{ reason: 'RATE_LIMITED' }, { retryDelay: '1.2s' }, { requestId: 'r' }],
    });
  });

  test('for want of a credential says what to send', async () => {
    const { url } = await startThings({
      unary: () => {
        throw new CallError('UNAUTHENTICATED', 'CREDENTIAL_MISSING', 'no key');
      },
    });
    const response = await fetch(`${url}/api/things/i`);
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  test("below /v2/ is Vultr's response, byte for byte", async () => {
    const body = Buffer.from('{"status" : 500,\n"error":"Server is currently locked"}\n');
    const locked = new CallError('FAILED_PRECONDITION', 'VULTR_LOCKED', 'Vultr: locked', {
      retryDelayMs: 5_000,
      vultr: {
        status: 500,
        error: 'Server is currently locked',
        response: { status: 500, contentType: 'application/problem+json', retryAfter: 'tomorrow', body },
      },
    });
    const { url } = await startThings({
      unary: () => {
        throw locked;
      },
    });
    const v2 = await fetch(`${url}/v2/things/i`);
    expect(v2.status).toBe(500);
    expect(v2.headers.get('content-type')).toBe('application/problem+json');
    expect(v2.headers.get('retry-after')).toBe('tomorrow');
    expect(Buffer.from(await v2.arrayBuffer())).toEqual(body);
    const api = await fetch(`${url}/api/things/i`);
    expect(api.status).toBe(400);
    expect(await api.json()).toMatchObject({ code: 9, message: 'Vultr: locked' });
  });

  test('below /v2/ without content stays without content', async () => {
    const gone = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'Vultr answered 503.', {
      vultr: {
        status: 503,
        error: '',
        response: { status: 503, contentType: '', body: new Uint8Array() },
      },
    });
    const { url } = await startThings({
      unary: () => {
        throw gone;
      },
    });
    const response = await fetch(`${url}/v2/unknown`);
    expect([response.status, await response.text()]).toEqual([503, '']);
    expect(response.headers.has('content-type')).toBe(false);
  });

  test("below /v2/ and /scim/ has the form of Vultr's errors when the fault was found here", async () => {
    const { url } = await startThings({
      unary: () => {
        throw new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'The request budget is spent.');
      },
    });
    for (const path of ['/v2/things/i', '/v2/unknown', '/scim/v2/Users']) {
      const response = await fetch(url + path);
      expect(response.status).toBe(429);
      const text = await response.text();
      expect(text).toMatch(
        /^\{"error":"The request budget is spent\.","status":429,"code":8,"message":"The request budget is spent\.","details":\[/,
      );
    }
  });

  test('of a response that echoes the key has the status of Vultr and the words of this service', async () => {
    const { url } = await startThings({
      unary: () => {
        throw new CallError('INVALID_ARGUMENT', 'VULTR_REFUSED', 'Vultr refused the request.', {
          vultr: { status: 422, error: 'Vultr refused the request.' },
        });
      },
    });
    const response = await fetch(`${url}/v2/things/i`);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      error: 'Vultr refused the request.',
      status: 422,
      code: 3,
    });
  });

  test('of an unexpected kind does not reveal its text', async () => {
    const { url } = await startThings({
      unary: () => {
        throw new Error('secret inner text');
      },
    });
    const response = await fetch(`${url}/api/things/i`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
  });

  test('names every violation of a body', async () => {
    const { url } = await startThings();
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/things`, { method: 'POST', headers, body: '{"id":1,"nmae":2}' });
    expect(response.status).toBe(400);
    const { details } = (await response.json()) as { details: { fieldViolations?: unknown }[] };
    expect(details[1]?.fieldViolations).toEqual([
      { field: 'id', description: expect.stringContaining('string') },
      { field: 'nmae', description: expect.stringContaining('Did you mean name?') },
    ]);
  });
});

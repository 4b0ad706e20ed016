import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { startThings } from '../support/http-server.ts';

describe('a refusal', () => {
  test('of an unknown path is 404 and noted', async () => {
    const { url, dispatcher } = await startThings();
    const response = await fetch(`${url}/nothing?accessToken=secret`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      code: 12,
      details: [{ reason: 'ROUTE_NOT_FOUND', domain: 'vultr-grpc' }],
    });
    expect(dispatcher.refusals).toMatchObject([{ target: '/nothing', error: { reason: 'ROUTE_NOT_FOUND' } }]);
  });

  test('of a method names those that the path has', async () => {
    const { url } = await startThings();
    const response = await fetch(`${url}/v2/things/i`, { method: 'PATCH' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('DELETE, GET, HEAD');
    expect(await response.json()).toMatchObject({ status: 405, details: [{ reason: 'METHOD_NOT_ALLOWED' }] });
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
      details: [{ reason: 'RATE_LIMITED' }, { retryDelay: '1.2s' }],
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

  test("below /v2/ is Vultr's error, word for word and with its status, and more after it", async () => {
    const { url } = await startThings({
      unary: () => {
        throw new CallError('FAILED_PRECONDITION', 'VULTR_LOCKED', 'Vultr: locked', {
          vultr: { status: 500, error: 'Server is currently locked' },
        });
      },
    });
    const v2 = await fetch(`${url}/v2/things/i`);
    expect(v2.status).toBe(500);
    const text = await v2.text();
    expect(text.startsWith('{"error":"Server is currently locked","status":500,"code":9,"message":')).toBe(
      true,
    );
    expect(JSON.parse(text).details[0]).toMatchObject({ reason: 'VULTR_LOCKED', domain: 'vultr.com' });
    const api = await fetch(`${url}/api/things/i`);
    expect(api.status).toBe(400);
    expect(await api.json()).not.toHaveProperty('error');
  });

  test('below /v2/ has the same form when the fault was found here', async () => {
    const { url } = await startThings();
    const response = await fetch(`${url}/v2/nothing`);
    expect(await response.json()).toMatchObject({
      error: 'There is no operation at this path.',
      status: 404,
      code: 12,
    });
  });

  test('of an unexpected kind does not tell its text', async () => {
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
      { field: 'id', description: 'It has to be a string.' },
      { field: 'nmae', description: 'There is no such field. Did you mean name?' },
    ]);
  });
});

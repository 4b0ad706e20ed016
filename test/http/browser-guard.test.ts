import { describe, expect, test } from 'vitest';
import { allowedHosts } from '../../src/http/browser-guard.ts';
import { sendHttp } from '../support/http-request.ts';
import { startThings } from '../support/http-server.ts';

const loopback = { host: '127.0.0.1' };

describe('the names of the service', () => {
  test.each([
    ['127.0.0.1', []],
    ['127.8.8.8', ['127.8.8.8']],
    ['::1', []],
    ['localhost', []],
  ])('on %s are those of this machine', (host, more) => {
    expect([...(allowedHosts({ host }, []) ?? [])].toSorted()).toEqual(
      ['localhost', '127.0.0.1', '[::1]', ...more].toSorted(),
    );
  });

  test.each(['0.0.0.0', '::', '10.0.0.7', 'vultr.internal'])(
    'on %s are any, unless some are given',
    (host) => {
      expect(allowedHosts({ host }, [])).toBeUndefined();
      expect(allowedHosts({ host }, ['vultr.example'])?.has('vultr.example')).toBe(true);
      expect(allowedHosts({ host }, ['vultr.example'])?.has('evil.example')).toBe(false);
    },
  );
});

describe('a request', () => {
  async function ask(line: string, headers: Record<string, string>, corsOrigins: string[] = []) {
    const { port, dispatcher } = await startThings(
      {},
      { allowedHosts: allowedHosts(loopback, ['vultr.example']), corsOrigins },
    );
    const [method = '', target = ''] = line.split(' ');
    const { status, text } = await sendHttp(`127.0.0.1:${port}`, method, target, undefined, headers);
    const isCalled = dispatcher.seen.length === 1;
    // Whatever is refused is noted, and nothing else is.
    expect(dispatcher.refusals.length).toBe(isCalled ? 0 : 1);
    return { status, reason: /"reason":"(\w+)"/.exec(text)?.[1], isCalled };
  }

  test.each(['localhost', 'LocalHost:8005', '127.0.0.1:1', '[::1]', '[::1]:8005', 'vultr.example:443'])(
    'for the host %s is served',
    async (host) => {
      expect(await ask('GET /api/things/i', { host })).toEqual({
        status: 200,
        reason: undefined,
        isCalled: true,
      });
    },
  );

  test.each([
    'evil.example',
    'evil.example:8005',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil-localhost',
    '127.0.0.2',
    'localhost@evil.example',
  ])('for the host "%s" is refused, whatever it asks', async (host) => {
    const refusal = { status: 403, reason: 'HOST_NOT_ALLOWED', isCalled: false };
    expect(await ask('GET /api/things/i', { host })).toEqual(refusal);
    expect(await ask('POST /v2/things/i/halt', { host })).toEqual(refusal);
  });

  const CROSS: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:3000' },
    { origin: 'null' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];
  const NOT_READING = [
    'POST /api/things/i/halt',
    'POST /api/things',
    'GET /api/secrets/i',
    'POST /v2/things/i/halt',
    'DELETE /v2/things/i',
    'POST /v2/unknown',
    'GET /v2/unknown',
  ];

  test.each(CROSS.flatMap((headers) => NOT_READING.map((line) => [line, headers] as const)))(
    '%s of another site (%j) is refused',
    async (line, headers) => {
      expect(await ask(line, { host: 'localhost', ...headers })).toEqual({
        status: 403,
        reason: 'CROSS_SITE_REQUEST',
        isCalled: false,
      });
    },
  );

  test.each(CROSS)(
    'of another site that only reads (%j) is served, and the page may not see it',
    async (headers) => {
      expect(await ask('GET /api/things/i', headers)).toMatchObject({ status: 200 });
      expect(await ask('GET /v2/things/i', headers)).toMatchObject({ status: 200 });
    },
  );

  test.each<Record<string, string>>([
    {},
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin' },
    { origin: 'http://localhost:8005', host: 'localhost:8005' },
    { origin: 'https://vultr.example', host: 'vultr.example:443', 'sec-fetch-site': 'same-origin' },
  ])('of its own pages, or of no page (%j), is served', async (headers) => {
    for (const line of ['POST /api/things/i/halt', 'DELETE /v2/things/i', 'GET /api/secrets/i'])
      expect(await ask(line, headers)).toMatchObject({ status: 200, isCalled: true });
  });

  test('of an origin that CORS allows is served', async () => {
    const headers = { origin: 'https://page.example', 'sec-fetch-site': 'cross-site' };
    expect(await ask('POST /v2/unknown', headers, ['https://page.example'])).toMatchObject({ status: 200 });
    expect(await ask('POST /v2/unknown', headers, ['*'])).toMatchObject({ status: 200 });
    expect(await ask('POST /v2/unknown', headers, ['https://other.example'])).toMatchObject({ status: 403 });
    const image = { 'sec-fetch-site': 'cross-site' };
    expect(await ask('GET /v2/unknown', image, ['*'])).toMatchObject({ status: 403 });
  });
});

test('a probe is served whatever the host is called', async () => {
  const ok = async () => ({ status: 200, contentType: 'text/plain', body: Buffer.from('ok') });
  const { port } = await startThings(
    {},
    {
      allowedHosts: allowedHosts(loopback, []),
      extraRoutes: new Map([
        ['/healthz', ok],
        ['/metrics', ok],
      ]),
    },
  );
  const ask = (target: string) =>
    sendHttp(`127.0.0.1:${port}`, 'GET', target, undefined, { host: '10.1.2.3:8005' });
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/metrics')).status).toBe(403);
});

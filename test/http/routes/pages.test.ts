import { expect, test } from 'vitest';
import { sendHttp } from '../../support/http-request.ts';
import { openForFile } from '../../support/opened.ts';
import { startOnSandbox } from '../../support/service.ts';

const opened = openForFile(() => startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } }));

function get(target: string, headers: Readonly<Record<string, string>> = {}) {
  return sendHttp(opened().app.httpAddress ?? '', 'GET', target, undefined, headers);
}

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

test('a page loads nothing from elsewhere, and what it loads is there', async () => {
  for (const path of ['/', '/docs', '/status', '/nothing']) {
    const { headers, text } = await get(path, BROWSER);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|http/);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const loaded = [...text.matchAll(/<(?:script|link)[^>]* (?:src|href)="([^"]+)"/g)].map(
      ([, url]) => url ?? '',
    );
    for (const url of loaded.filter((each) => each !== 'data:,')) {
      expect(url).toMatch(/^\/assets\//);
      expect((await get(url)).status, url).toBe(200);
    }
    expect(text).not.toMatch(/<script(?![^>]* src=)| on\w+="| style="/);
  }
});

test('an asset is sent once to a browser that keeps it', async () => {
  const first = await get('/assets/swagger-ui.css', { 'accept-encoding': 'br' });
  expect(first.headers).toMatchObject({ 'content-encoding': 'br', 'cache-control': 'no-cache' });
  const again = await get('/assets/swagger-ui.css', { 'if-none-match': String(first.headers['etag']) });
  expect([again.status, again.text]).toEqual([304, '']);
  const document = await get('/openapi.json');
  const kept = await get('/openapi.json', { 'if-none-match': String(document.headers['etag']) });
  expect(kept.status).toBe(304);
});

test('?pretty makes JSON readable on /api and of failures, and is passed on below /v2', async () => {
  const plain = await get('/api/regions?per_page=2');
  const pretty = await get('/api/regions?pretty&per_page=2');
  expect(pretty.text).toBe(`${JSON.stringify(JSON.parse(plain.text), undefined, 2)}\n`);
  expect((await get('/api/nothing?pretty')).text).toContain('{\n  "code": 5,');
  expect((await get('/status?pretty')).text).toContain('{\n  "service"');
  await get('/v2/regions?pretty');
  expect(opened().sandbox.requests.list().at(-1)).toMatchObject({ path: '/v2/regions', query: 'pretty' });
});

test("a failure of the service's own is a page in a browser, and Vultr's own stays as it came", async () => {
  const own = await get('/api/instances/none', BROWSER);
  expect(own.status).toBe(400);
  expect(own.text).toContain('<code>instance_id</code>');
  expect(own.text).toContain('Must be a UUID');
  expect(own.text).toContain(String(own.headers['x-request-id']));
  const blocked = await get('/v2/%2e%2e/x', BROWSER);
  expect(blocked.headers['content-type']).toBe('text/html; charset=utf-8');
  const program = await get('/v2/%2e%2e/x');
  expect(JSON.parse(program.text)).toMatchObject({ status: 400, code: 3 });
  const bearer = { ...BROWSER, authorization: 'Bearer any-key' };
  const vultrs = await get('/v2/instances/00000000-0000-4000-8000-000000000000', bearer);
  expect(vultrs.status).toBe(404);
  expect(vultrs.headers['content-type']).toBe('application/json');
  expect(Object.keys(JSON.parse(vultrs.text))).toEqual(['error', 'status']);
});

import { hash } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { ListPlansRequest } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { cloudPath } from '../support/grpc-server.ts';
import { type HttpReply, sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { connectRaw } from '../support/raw-client.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const opened = openForFile(() =>
  startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 }, cacheFreshMs: 300_000 }),
);
beforeEach(() => opened().sandbox.requests.clear());

function get(target: string, headers: Record<string, string> = {}): Promise<HttpReply> {
  return sendHttp(opened().app.httpAddress ?? '', 'GET', target, undefined, headers);
}

test('what Vultr sells is asked for once, and its age is reported, over both transports', async () => {
  const first = await get('/api/regions');
  expect(first.headers).toMatchObject({
    'x-cache': 'miss',
    age: '0',
    'cache-control': 'public, max-age=300',
  });
  const second = await get('/api/regions');
  expect(second.headers['x-cache']).toBe('hit');
  expect(second.text).toBe(first.text);
  const { metadata } = await opened().client.ask('listRegions', {});
  expect(metadata.get('x-cache')).toEqual(['hit']);
  expect(opened().sandbox.requests.count()).toBe(1);
});

test('a caller that has the response already gets a 304 without it', async () => {
  const { headers } = await get('/v2/os');
  const again = await get('/v2/os', { 'if-none-match': String(headers['etag']) });
  expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', headers['etag']]);
  const other = await get('/v2/os', { 'if-none-match': '"another"' });
  expect(other.status).toBe(200);
});

test('a thousand callers at once who ask for the plans of one region make two requests: plans, and what is there', async () => {
  const client = connectRaw(opened().app.grpcAddress);
  const request = Buffer.from(
    ListPlansRequest.encode(ListPlansRequest.fromPartial({ region: 'ams' })).finish(),
  );
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, () => client.unary(cloudPath('ListPlans'), request)),
  );
  expect(new Set(answers.map((answer) => hash('sha256', answer))).size).toBe(1);
  expect(
    opened()
      .sandbox.requests.list({})
      .map(({ path }) => path)
      .sort(),
  ).toEqual(['/v2/plans', '/v2/regions/ams/availability']);
});

test("an account's responses must not be kept by anybody", async () => {
  const headers = { authorization: `Bearer ${KEY}` };
  const { headers: received } = await get('/v2/instances', headers);
  expect(received['cache-control']).toBe('no-store');
  expect(received['etag']).toBeUndefined();
  await get('/v2/instances', headers);
  expect(opened().sandbox.requests.count({ path: '/v2/instances' })).toBe(2);
});

test('the state of the service is reported without asking Vultr', async () => {
  expect(await get('/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}\n' });
  const ready = await get('/readyz');
  expect([ready.status, JSON.parse(ready.text)]).toMatchObject([
    200,
    { status: 'ready', breaker_reads: 'closed' },
  ]);
  const metrics = await get('/metrics');
  expect(metrics.headers['content-type']).toContain('text/plain');
  expect(metrics.text).toContain(
    'rpc_server_call_duration_seconds_count{rpc_method="vultr.cloud.v1.CloudService/ListRegions",rpc_status_code="OK"',
  );
  expect(opened().sandbox.requests.count()).toBe(0);
});

test('a request that is not an operation adds no name to the metrics', async () => {
  await get('/no/such/path');
  const { text } = await get('/metrics');
  expect(text).toContain('rpc_method="_OTHER"');
  expect(text).not.toContain('/no/such');
});

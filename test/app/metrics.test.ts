import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { prometheusName } from '../../src/telemetry/prometheus.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { KEY, startOnSandbox, startService, type TestService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
const BEARER = { authorization: `Bearer ${KEY}` };

type Headers = Readonly<Record<string, string>>;

async function ask(service: TestService, line: string, headers: Headers = BEARER, body?: unknown) {
  const [method = '', target = ''] = line.split(' ');
  return await sendHttp(service.app.httpAddress ?? '', method, target, body, headers);
}

/** Reads `/metrics` and returns a function that finds the value of a series, as it is written. */
async function scrape(service: TestService, headers: Headers = BEARER) {
  const { text } = await ask(service, 'GET /metrics', headers);
  const values = new Map(
    [...text.matchAll(/^([a-z]\S*(?:\{.*\})?) (\S+)$/gm)].map(([, series = '', value]) => [
      series,
      Number(value),
    ]),
  );
  return (series: string): number | undefined => values.get(series);
}

test('the HTTP side is measured by template, whatever the path is', async () => {
  const service = await startOnSandbox(HTTP);
  await ask(service, 'GET /api/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60');
  await ask(service, 'GET /v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60');
  await ask(service, 'GET /v2/unheard-of');
  await ask(service, 'GET /made-up');
  await ask(service, 'GET /healthz');
  await ask(service, 'BREW /api/regions');
  const value = await scrape(service);
  const count = (labels: string) => value(`http_server_request_duration_seconds_count{${labels}}`);
  const get = (status: number, route: string) =>
    `http_request_method="GET",http_response_status_code="${status}",${route}url_scheme="http"`;
  expect(count(get(200, 'http_route="/api/instances/{instance_id}",'))).toBe(1);
  expect(count(get(200, 'http_route="/v2/instances/{instance_id}",'))).toBe(1);
  expect(count(get(200, 'http_route="/healthz",'))).toBe(1);
  // What the contract does not know, and what there is not.
  expect(count(get(404, ''))).toBe(2);
  const { text } = await ask(service, 'GET /metrics');
  expect(text).not.toMatch(/made-up|unheard|BREW/);
});

test('calls of rpcs over HTTP are measured by the path of the rpc, and by none when there is no such rpc', async () => {
  const service = await startOnSandbox(HTTP);
  const post = (rpc: string, type: string) =>
    ask(service, `POST /vultr.v2.InstancesService/${rpc}`, { ...BEARER, 'content-type': type }, {});
  await post('ListInstances', 'application/json');
  // A body that is not in frames: gRPC-Web is told of it in a response of its own.
  await post('ListInstances', 'application/grpc-web+json');
  await post('ListInstances', 'text/plain');
  await post('MadeUp', 'application/proto');
  await ask(service, 'GET /vultr.made.UpService/Get', { ...BEARER, 'connect-protocol-version': '1' });
  const value = await scrape(service);
  const count = (method: string, status: number, route: string) =>
    value(
      `http_server_request_duration_seconds_count{http_request_method="${method}",http_response_status_code="${status}",${route}url_scheme="http"}`,
    );
  const route = 'http_route="/vultr.v2.InstancesService/ListInstances",';
  expect([count('POST', 200, route), count('POST', 415, route)]).toEqual([2, 1]);
  expect([count('POST', 404, ''), count('GET', 404, '')]).toEqual([1, 1]);
  const { text } = await ask(service, 'GET /metrics');
  expect(text).not.toMatch(/http_route="[^"]*made/i);
});

test('each request to Vultr is measured, and why one was sent again or not at all', async () => {
  let isDown = true;
  const vultr = await startFakeUpstream(() => (isDown ? [503, { error: 'Later.' }] : [200, { account: {} }]));
  const service = await startService({ upstream: vultr.url, rate: 1_000, reserve: 0.5, ...HTTP });
  isDown = false;
  await ask(service, 'GET /v2/account');
  isDown = true;
  // Ten failures in a row open the breaker.
  for (let call = 0; call < 5; call += 1) await ask(service, 'GET /v2/account');
  const value = await scrape(service);
  const { hostname, port } = vultr.url;
  const to = `server_address="${hostname}",server_port="${port}",url_scheme="http"`;
  const exchanges = (status: number, more = '') =>
    value(
      `http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="${status}",${to}${more}}`,
    );
  expect(exchanges(200)).toBe(1);
  expect(exchanges(503, ',error_type="503"')).toBe(10);
  expect(vultr.received).toHaveLength(11);
  expect(value('vultr_retries_total{throttled="false"}')).toBeGreaterThanOrEqual(6);
  expect(value('vultr_breaker_reads_open')).toBe(1);
  expect(value('vultr_breaker_changes_open')).toBe(0);
  expect(value('vultr_breaker_refused_total{side="reads"}')).toBeGreaterThanOrEqual(1);
  expect(value('vultr_budget_permits_total{kind="read"}')).toBe(11);
  expect(value('vultr_budget_rate_per_second')).toBe(500);
  expect(
    value(
      'rpc_server_call_duration_seconds_count{rpc_method="vultr.v2.AccountService/GetAccount",rpc_status_code="UNAVAILABLE",rpc_system_name="http",error_type="BREAKER_OPEN"}',
    ),
  ).toBeGreaterThanOrEqual(1);
});

test('the cache is measured: what it had, how old that was, and what it holds', async () => {
  const service = await startOnSandbox({ ...HTTP, cacheFreshMs: 60_000 });
  for (let call = 0; call < 3; call += 1) await ask(service, 'GET /api/regions');
  const value = await scrape(service);
  expect(value('vultr_cache_requests_total{state="miss"}')).toBe(1);
  expect(value('vultr_cache_requests_total{state="hit"}')).toBe(2);
  expect(value('vultr_cache_age_seconds_count')).toBe(2);
  expect(value('vultr_cache_entries')).toBe(1);
  expect(value('vultr_cache_size_bytes')).toBeGreaterThan(1_000);
});

test('reads that share a request are counted', async () => {
  const go = Promise.withResolvers<void>();
  const vultr = await startFakeUpstream(async () => {
    await go.promise;
    return [200, { account: {} }];
  });
  const service = await startService({ upstream: vultr.url, ...HTTP });
  const asked = [ask(service, 'GET /v2/account'), ask(service, 'GET /v2/account')];
  await expect.poll(async () => (await scrape(service))('vultr_shared_reads_total')).toBe(1);
  go.resolve();
  await Promise.all(asked);
  expect(vultr.received).toHaveLength(1);
});

test('creates with a key are counted by how they ended', async () => {
  const service = await startOnSandbox(HTTP);
  const create = async (region: string, key: string) =>
    await ask(
      service,
      'POST /v2/instances',
      { ...BEARER, 'idempotency-key': key },
      { region, plan: 'vc2-1c-1gb', os_id: 2284 },
    );
  await create('ams', 'one');
  await create('ams', 'one');
  await create('fra', 'one');
  await create('nowhere', 'two');
  const value = await scrape(service);
  for (const outcome of ['made', 'repeated', 'conflict', 'refused'])
    expect(value(`vultr_idempotency_outcomes_total{outcome="${outcome}"}`), outcome).toBe(1);
});

/** A service with callers, one of whom brings keys of its own. */
async function startWithCallers() {
  const [bot, guest] = [createVirtualKey(), createVirtualKey()];
  const file = join(temporaryFolder(), 'callers.yaml');
  writeFileSync(
    file,
    `accounts: { lab: { key_env: LAB_KEY } }
callers:
  - { name: bot, is: [ { token_sha256: ${bot.sha256} } ], account: lab, allow: [ "effect:read", "service:metrics" ] }
  - { name: guest, is: [ { token_sha256: ${guest.sha256} } ], bring_own_key: true, allow: [ "effect:read" ] }
`,
  );
  const service = await startOnSandbox(
    { ...HTTP, callersFile: file, rate: 1_000, reserve: 0.5 },
    {},
    { env: { LAB_KEY: KEY } },
  );
  const proof = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });
  return { service, bot: proof(bot), guest: proof(guest) };
}

test('callers are told apart, whatever keys they bring, and so are denials', async () => {
  const { service, bot, guest } = await startWithCallers();
  await ask(service, 'GET /v2/instances', bot);
  for (const key of ['KEY-ONE-0123456789', 'KEY-TWO-0123456789'])
    await ask(service, `GET /api/instances?accessToken=${key}`, guest);
  await ask(service, 'DELETE /v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60', bot);
  await ask(service, 'GET /v2/instances', { authorization: 'Bearer nobody-at-all' });
  await ask(service, 'GET /metrics', guest);
  const value = await scrape(service, bot);
  expect(value('vultr_budget_permits_total{kind="read",caller="bot"}')).toBe(1);
  expect(value('vultr_budget_permits_total{kind="read",caller="guest"}')).toBe(2);
  expect(value('access_denials_total{caller="bot",reason="CALLER_DENIED"}')).toBe(1);
  expect(value('access_denials_total{caller="guest",reason="CALLER_DENIED"}')).toBe(1);
  expect(value('access_denials_total{reason="CALLER_UNKNOWN"}')).toBe(1);
  expect(value('rpc_server_calls_by_caller_total{caller="bot",rpc_status_code="OK"}')).toBe(1);
});

test("Node's runtime is measured", async () => {
  const service = await startOnSandbox(HTTP);
  await expect
    .poll(async () => (await scrape(service))('nodejs_eventloop_delay_max_seconds'))
    .toBeGreaterThan(0);
  const value = await scrape(service);
  expect(value('process_memory_usage_bytes')).toBeGreaterThan(10e6);
  expect(value('v8js_memory_heap_used_bytes{v8js_heap_space_name="old_space"}')).toBeGreaterThan(1e6);
  expect(value('process_cpu_time_seconds_total{cpu_mode="user"}')).toBeGreaterThan(0);
  expect(value('nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="active"}')).toBeGreaterThan(0);
});

test('a collector and /metrics are told the same', async () => {
  const collector = await startOtlpReceiver({ OTEL_TRACES_EXPORTER: 'none' });
  const service = await startOnSandbox({ ...HTTP, rate: 30, cacheFreshMs: 1_000 }, {}, { env: process.env });
  await ask(service, 'GET /api/regions');
  await service.client.ask('listRegions', {});
  const value = await scrape(service);
  const calls = () => collector.metrics.get('rpc.server.call.duration')?.points ?? [];
  await expect.poll(() => calls().length).toBe(2);
  for (const { attributes, value: count } of calls()) {
    const labels = Object.entries(attributes).map(([name, text]) => `${name.replaceAll('.', '_')}="${text}"`);
    expect(count).toBe(value(`rpc_server_call_duration_seconds_count{${labels.join(',')}}`));
  }
  const specs = new Map(Object.values(METRICS).map((spec) => [spec.name as string, spec]));
  const { text } = await ask(service, 'GET /metrics');
  for (const metric of collector.metrics.values()) {
    const spec = specs.get(metric.name);
    expect(spec, metric.name).toBeDefined();
    if (spec === undefined) continue;
    expect([metric.unit, metric.kind.replace('sum', 'counter')]).toEqual([spec.unit, spec.kind]);
    expect(text).toContain(`# TYPE ${prometheusName(spec)} ${spec.kind}\n`);
  }
  expect(collector.metrics.size).toBeGreaterThan(20);
});

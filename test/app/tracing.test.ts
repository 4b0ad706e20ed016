import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FLUSH_TIMEOUT_MS } from '../../src/telemetry/otlp.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { KEY, startOnSandbox, startService, type TestService } from '../support/service.ts';

const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
const BEARER = { authorization: `Bearer ${KEY}` };
const CLOUD = 'vultr.cloud.v1.CloudService';
const SERVER = 2;
const CLIENT = 3;

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACED = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' };

/** What the service finds around it: the variables that the test has set. */
const here = () => ({ env: process.env });

afterEach(() => vi.unstubAllEnvs());

async function overHttp(
  { app }: TestService,
  line: string,
  { body, headers = {} }: { body?: unknown; headers?: Readonly<Record<string, string>> } = {},
) {
  const [method = '', target = ''] = line.split(' ');
  return await sendHttp(app.httpAddress ?? '', method, target, body, { ...BEARER, ...headers });
}

const eventNames = ({ events }: ReceivedSpan): string[] => events.map(({ name }) => name);

describe('a call', () => {
  test('over gRPC is a span of the trace that it came with, and its request to Vultr another', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox({}, {}, here());
    await service.client.ask('listRegions', {}, { metadata: TRACED });
    const [call] = await collector.spansOf(`${CLOUD}/ListRegions`);
    const [exchange] = await collector.spansOf('GET');
    expect(call).toMatchObject({
      kind: SERVER,
      traceId: TRACE,
      parentSpanId: PARENT,
      traceState: 'vendor=1',
      status: { code: 0 },
      attributes: {
        'rpc.system.name': 'grpc',
        'rpc.method': `${CLOUD}/ListRegions`,
        'rpc.status_code': 'OK',
        'network.peer.address': '127.0.0.1',
      },
      resource: { 'service.name': 'vultr-grpc', 'service.version': expect.any(String) },
    });
    expect(exchange).toMatchObject({
      kind: CLIENT,
      traceId: TRACE,
      parentSpanId: call?.spanId,
      attributes: {
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'vultr.operation': 'vultr.v2.RegionsService/ListRegions',
      },
    });
    expect(service.log.lines({ msg: 'call' })).toMatchObject([
      { method: `${CLOUD}/ListRegions`, trace_id: TRACE, span_id: call?.spanId },
    ]);
  });

  test('over HTTP is one, too, with its method and route', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox(HTTP, {}, here());
    await overHttp(service, 'GET /api/instances/00000000-0000-4000-8000-000000000000', { headers: TRACED });
    await overHttp(service, 'GET /v2/instances');
    const [one] = await collector.spansOf(`${CLOUD}/GetInstance`);
    const [list] = await collector.spansOf('vultr.v2.InstancesService/ListInstances');
    expect(one).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      attributes: {
        'rpc.system.name': 'http',
        'rpc.status_code': 'NOT_FOUND',
        'http.request.method': 'GET',
        'http.route': '/api/instances/{instance_id}',
        'vultr.reason': 'VULTR_NOT_FOUND',
      },
      // That the caller asks for what is not there is no error of the service.
      status: { code: 0 },
    });
    expect(list).toMatchObject({ attributes: { 'http.route': '/v2/instances' }, parentSpanId: '' });
    expect(list?.traceId).not.toBe(TRACE);
  });

  test('that streams is one span, to which the polls for it do not belong', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox({}, {}, here());
    const created = await service.client.ask('createInstance', {
      region: 'ams',
      plan: 'vc2-1c-1gb',
      image_id: '2284',
    });
    const { id } = created.value['instance'] as { id: string };
    const watch = service.client.watch({ instance_id: id }, { metadata: TRACED });
    await watch.next();
    watch.call.cancel();
    const [call] = await collector.spansOf(`${CLOUD}/WatchInstance`);
    expect(call).toMatchObject({ traceId: TRACE, attributes: { 'rpc.status_code': 'CANCELLED' } });
    const polls = (await collector.spansOf('GET')).filter(
      ({ attributes }) => attributes['vultr.operation'] === 'vultr.v2.InstancesService/GetInstance',
    );
    expect(polls.length).toBeGreaterThan(0);
    for (const poll of polls) expect(poll.traceId).not.toBe(TRACE);
  });

  test('of the health service is none', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox(HTTP, {}, here());
    await overHttp(service, 'GET /healthz');
    await overHttp(service, 'GET /api/regions');
    await collector.spansOf(`${CLOUD}/ListRegions`);
    expect(collector.spans.filter(({ kind }) => kind === SERVER)).toHaveLength(1);
  });

  test('whose caller is traced but whose service is not has the trace in its line all the same', async () => {
    const service = await startOnSandbox();
    await service.client.ask('listRegions', {}, { metadata: TRACED });
    const [line] = service.log.lines({ msg: 'call' });
    expect(line).toMatchObject({ trace_id: TRACE });
    expect(line).not.toHaveProperty('span_id');
  });
});

describe('on the way to Vultr', () => {
  test('each attempt is a span, and what happened between them are events of the call', async () => {
    const collector = await startOtlpReceiver();
    const vultr = await startFakeUpstream((_, index) =>
      index < 2 ? [503, { error: 'Later.' }] : [200, { instances: [], meta: { total: 0 } }],
    );
    const service = await startService({ upstream: vultr.url, rate: 1_000, reserve: 0.5, ...HTTP }, here());
    await overHttp(service, 'GET /v2/instances');
    const [call] = await collector.spansOf('vultr.v2.InstancesService/ListInstances');
    const exchanges = await collector.spansOf('GET', 3);
    expect(exchanges.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([
      undefined,
      1,
      2,
    ]);
    expect(exchanges.map(({ status }) => status.code)).toEqual([2, 2, 0]);
    expect(exchanges.map(({ attributes }) => attributes['error.type'])).toEqual(['503', '503', undefined]);
    expect(new Set(exchanges.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([call?.spanId]));
    expect(call && eventNames(call)).toEqual([
      ...['vultr.budget.permit', 'vultr.retry'],
      ...['vultr.budget.permit', 'vultr.retry', 'vultr.budget.permit'],
    ]);
  });

  test('the cache says what it had, and a create with a key how it ended', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox({ cacheFreshMs: 60_000, ...HTTP }, {}, here());
    await overHttp(service, 'GET /api/regions');
    await overHttp(service, 'GET /api/regions');
    const calls = await collector.spansOf(`${CLOUD}/ListRegions`, 2);
    expect(calls.map(({ events }) => events[0])).toMatchObject([
      { name: 'vultr.cache', attributes: { state: 'miss' } },
      { name: 'vultr.cache', attributes: { state: 'hit' } },
    ]);
    const create = {
      body: { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 },
      headers: { 'idempotency-key': 'of-this-create' },
    };
    await overHttp(service, 'POST /v2/instances', create);
    await overHttp(service, 'POST /v2/instances', create);
    const creates = await collector.spansOf('vultr.v2.InstancesService/CreateInstance', 2);
    expect(creates.map(({ events }) => events.at(-1))).toMatchObject([
      { name: 'vultr.idempotency', attributes: { outcome: 'made' } },
      { name: 'vultr.idempotency', attributes: { outcome: 'repeated' } },
    ]);
  });

  test.each([true, false])('Vultr is told of the trace when that is asked for: %s', async (isTraceSent) => {
    const collector = await startOtlpReceiver();
    const seen: (string | undefined)[][] = [];
    const vultr = await startFakeUpstream(() => [200, { account: {} }]);
    const service = await startService({ upstream: vultr.url, isTraceSent, ...HTTP }, here());
    await overHttp(service, 'GET /v2/account', { headers: TRACED });
    const [exchange] = await collector.spansOf('GET');
    for (const { headers } of vultr.received)
      seen.push([headers['traceparent'], headers['tracestate']].map(String));
    expect(seen).toEqual([
      isTraceSent ? [`00-${TRACE}-${exchange?.spanId}-01`, 'vendor=1'] : ['undefined', 'undefined'],
    ]);
  });

  test.each([true, false])(
    'of a call that is not sampled Vultr is told as much, when that is asked for: %s',
    async (isTraceSent) => {
      const collector = await startOtlpReceiver();
      const vultr = await startFakeUpstream(() => [200, { account: {} }]);
      const service = await startService({ upstream: vultr.url, isTraceSent, ...HTTP }, here());
      await overHttp(service, 'GET /v2/account', { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } });
      await service.app.close();
      const told = vultr.received.map(({ headers }) => headers['traceparent']);
      expect(told).toEqual([
        isTraceSent ? expect.stringMatching(`^00-${TRACE}-[0-9a-f]{16}-00$`) : undefined,
      ]);
      expect(collector.spans).toEqual([]);
    },
  );

  test('a failure is an error of both spans', async () => {
    const collector = await startOtlpReceiver();
    const vultr = await startFakeUpstream(() => [500, { error: 'It broke.' }]);
    const service = await startService({ upstream: vultr.url, ...HTTP }, here());
    await overHttp(service, 'GET /v2/account');
    const [call] = await collector.spansOf('vultr.v2.AccountService/GetAccount');
    expect(call).toMatchObject({
      status: { code: 2, message: expect.stringContaining('It broke.') },
      attributes: { 'error.type': 'VULTR_FAILED', 'vultr.status': 500 },
    });
  });
});

describe('what is sampled', () => {
  const sampled = async (variables: Readonly<Record<string, string>>, flags: string) => {
    const collector = await startOtlpReceiver(variables);
    const service = await startOnSandbox({}, {}, here());
    const metadata = { traceparent: `00-${TRACE}-${PARENT}-${flags}` };
    await service.client.ask('listRegions', {}, { metadata });
    await service.app.close();
    return { spans: collector.spans.length, line: service.log.lines({ msg: 'call' })[0] };
  };

  test('is what the caller says, by default', async () => {
    expect((await sampled({}, '01')).spans).toBe(2);
    const { spans, line } = await sampled({}, '00');
    expect(spans).toBe(0);
    expect(line).toMatchObject({ trace_id: TRACE, span_id: expect.stringMatching(/^[0-9a-f]{16}$/) });
  });

  test('is what OTEL_TRACES_SAMPLER says', async () => {
    expect((await sampled({ OTEL_TRACES_SAMPLER: 'always_off' }, '01')).spans).toBe(0);
    expect((await sampled({ OTEL_TRACES_SAMPLER: 'always_on' }, '00')).spans).toBe(2);
    const ratio = (part: string) => ({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: part });
    expect((await sampled(ratio('0'), '01')).spans).toBe(0);
    expect((await sampled(ratio('1'), '00')).spans).toBe(2);
  });
});

describe('a collector', () => {
  test('that is not there is told of once, and disturbs no call', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '100');
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '10');
    vi.stubEnv('OTEL_METRICS_EXPORTER', 'none');
    const service = await startOnSandbox({}, {}, here());
    const failures = () =>
      service.log.lines({ msg: 'the collector does not take what it is sent: it is dropped' });
    await service.client.ask('listRegions', {});
    await expect.poll(() => failures().length, { timeout: 10_000 }).toBe(1);
    await service.client.ask('listRegions', {});
    await service.app.close();
    expect(failures()).toMatchObject([{ signal: 'traces', level: 'warn', problem: expect.any(String) }]);
    // That belongs to no call.
    expect(failures()[0]).not.toHaveProperty('trace_id');
  });

  test('that never answers holds the end of the service for a bounded time only', async () => {
    const collector = await startOtlpReceiver();
    collector.isStuck = true;
    const service = await startOnSandbox({}, {}, here());
    await service.client.ask('listRegions', {});
    await sleep(50);
    const startedAt = performance.now();
    await service.app.close();
    expect(performance.now() - startedAt).toBeLessThan(FLUSH_TIMEOUT_MS + 4_000);
  });

  test('gets what has not been sent yet when the service stops', async () => {
    const collector = await startOtlpReceiver({
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      OTEL_METRIC_EXPORT_INTERVAL: '60000',
    });
    const service = await startOnSandbox({}, {}, here());
    await service.client.ask('listRegions', {});
    expect(collector.spans).toEqual([]);
    await service.app.close();
    expect(collector.spans.map(({ name }) => name)).toContain(`${CLOUD}/ListRegions`);
    expect(collector.metrics.get('rpc.server.call.duration')?.points).toMatchObject([
      { attributes: { 'rpc.method': `${CLOUD}/ListRegions`, 'rpc.status_code': 'OK' }, value: 1 },
    ]);
  });

  test('that does not take spans as fast as they come costs those that the queue has no place for, which are counted', async () => {
    const collector = await startOtlpReceiver({
      OTEL_BSP_MAX_QUEUE_SIZE: '1',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    });
    collector.isStuck = true;
    const service = await startOnSandbox(HTTP, {}, here());
    // One is on its way, another waits, and there are two of each call.
    await service.client.ask('listRegions', {});
    await service.client.ask('listRegions', {});
    const { text } = await overHttp(service, 'GET /metrics');
    expect(text).toContain('otel_sdk_processor_span_processed_total{error_type="queue_full"} 2\n');
  });

  test('that takes spans has them counted', async () => {
    const collector = await startOtlpReceiver();
    const service = await startOnSandbox(HTTP, {}, here());
    await service.client.ask('listRegions', {});
    await collector.spansOf(`${CLOUD}/ListRegions`);
    const metrics = async () => (await overHttp(service, 'GET /metrics')).text;
    await expect.poll(metrics).toContain('otel_sdk_processor_span_processed_total 2\n');
  });

  test('is spoken to over gRPC, where the variable says so', async () => {
    const collector = await startOtlpReceiver({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    const service = await startOnSandbox({}, {}, here());
    await service.client.ask('listRegions', {}, { metadata: TRACED });
    expect(await collector.spansOf(`${CLOUD}/ListRegions`)).toMatchObject([{ traceId: TRACE }]);
    await expect.poll(() => collector.metrics.has('rpc.server.call.duration')).toBe(true);
  });

  test('is sent the headers that the variable names, which nobody can read afterwards', async () => {
    const collector = await startOtlpReceiver({ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a-secret' });
    const secrets: string[] = [];
    const onSecretVariable = (name: string): void => void secrets.push(name);
    const service = await startOnSandbox({}, {}, { ...here(), onSecretVariable });
    await service.client.ask('listRegions', {});
    await collector.spansOf(`${CLOUD}/ListRegions`);
    expect(collector.headers[0]).toMatchObject({ 'api-key': 'a-secret' });
    expect(secrets).toEqual(['OTEL_EXPORTER_OTLP_HEADERS']);
  });
});

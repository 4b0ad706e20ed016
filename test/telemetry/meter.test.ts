import { describe, expect, test } from 'vitest';
import {
  type CounterSpec,
  type GaugeSpec,
  type HistogramSpec,
  MAX_SERIES,
  Meter,
} from '../../src/telemetry/meter.ts';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { prometheusName, renderPrometheus } from '../../src/telemetry/prometheus.ts';
import { readMetric } from '../support/metrics.ts';

const requests = {
  kind: 'counter',
  name: 'test.requests',
  unit: '{request}',
  labels: ['http.method', 'caller'],
  help: 'What was asked.',
} as const satisfies CounterSpec;
const wait = {
  kind: 'histogram',
  name: 'test.wait',
  unit: 's',
  labels: ['kind'],
  bounds: [0.1, 1],
  help: 'How long.',
} as const satisfies HistogramSpec;
const size = {
  kind: 'gauge',
  name: 'test.size',
  unit: 'By',
  labels: [],
  help: 'How much.',
} as const satisfies GaugeSpec;

/** The lines of a metric without its comments. */
function linesOf(meter: Meter): string[] {
  return renderPrometheus(meter.read())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('in the text for Prometheus', () => {
  test('a counter is the sum of what was added, by its labels', () => {
    const meter = new Meter();
    const counter = meter.counter(requests);
    counter.add(1, 'GET', 'bot');
    counter.add(2, 'GET', 'bot');
    counter.add(1, 'PUT', '');
    expect(renderPrometheus(meter.read())).toBe(
      [
        '# HELP test_requests_total What was asked.',
        '# TYPE test_requests_total counter',
        'test_requests_total{http_method="GET",caller="bot"} 3',
        'test_requests_total{http_method="PUT"} 1',
        '',
      ].join('\n'),
    );
  });

  test('a histogram adds up its buckets; a value on a bound is within it', () => {
    const meter = new Meter();
    const histogram = meter.histogram(wait);
    for (const value of [0.05, 0.1, 0.5, 7]) histogram.record(value, 'read');
    expect(linesOf(meter)).toEqual([
      'test_wait_seconds_bucket{kind="read",le="0.1"} 2',
      'test_wait_seconds_bucket{kind="read",le="1"} 3',
      'test_wait_seconds_bucket{kind="read",le="+Inf"} 4',
      'test_wait_seconds_sum{kind="read"} 7.65',
      'test_wait_seconds_count{kind="read"} 4',
    ]);
  });

  test('a gauge is what it is when it is read, and has no line when it says nothing', () => {
    const meter = new Meter();
    let bytes: number | undefined = 7;
    meter.observed(size, (observe) => {
      if (bytes !== undefined) observe(bytes);
    });
    expect(linesOf(meter)).toEqual(['test_size_bytes 7']);
    bytes = Number.POSITIVE_INFINITY;
    expect(linesOf(meter)).toEqual(['test_size_bytes +Inf']);
    bytes = undefined;
    expect(linesOf(meter)).toEqual([]);
  });

  test('a label holds any text', () => {
    const meter = new Meter();
    meter.counter(requests).add(1, 'a "b" \\ c\nd', 'é');
    expect(linesOf(meter)).toEqual(['test_requests_total{http_method="a \\"b\\" \\\\ c\\nd",caller="é"} 1']);
  });

  test.each([
    [METRICS.callDuration, 'rpc_server_call_duration_seconds'],
    [METRICS.certificateExpiry, 'tls_certificate_expiry_timestamp_seconds'],
    [METRICS.budgetRate, 'vultr_budget_rate_per_second'],
    [METRICS.cacheSize, 'vultr_cache_size_bytes'],
    [METRICS.cpuTime, 'process_cpu_time_seconds_total'],
    [METRICS.watches, 'vultr_watches'],
  ])('the name of %o is %s', (spec, name) => {
    expect(prometheusName(spec)).toBe(name);
  });
});

test('values that have the separator of keys in common are not mixed up', () => {
  const meter = new Meter();
  const counter = meter.counter(requests);
  counter.add(1, 'a', 'bc');
  counter.add(1, 'ab', 'c');
  expect(linesOf(meter)).toHaveLength(2);
});

test('a metric has a bounded number of series, and loses nothing of what is beyond', () => {
  const meter = new Meter();
  const counter = meter.counter(requests);
  const asked = MAX_SERIES + 100;
  for (let index = 0; index < asked; index += 1) counter.add(1, 'GET', `caller-${index}`);
  counter.add(1, 'GET', 'caller-0');
  const lines = linesOf(meter);
  expect(lines).toHaveLength(MAX_SERIES + 1);
  expect(lines.at(-1)).toBe('test_requests_total{otel_metric_overflow="true"} 100');
  expect(readMetric(meter, requests)).toBe(asked + 1);
  expect(readMetric(meter, requests, { caller: 'caller-0' })).toBe(2);
});

test('two metrics of one name are refused', () => {
  const meter = new Meter();
  meter.counter(requests);
  expect(() => meter.counter(requests)).toThrow('There are two metrics test.requests.');
});

test('no two metrics of the table have one name, in either form', () => {
  const specs = Object.values(METRICS);
  expect(new Set(specs.map(({ name }) => name)).size).toBe(specs.length);
  expect(new Set(specs.map(prometheusName)).size).toBe(specs.length);
});

describe('a call that is over', () => {
  const record = {
    method: 'vultr.cloud.v1.CloudService/ListRegions',
    transport: 'grpc',
    requestId: 'r',
    peer: '127.0.0.1:1',
    userAgent: undefined,
    credential: undefined,
    durationMs: 20,
    code: 'OK',
  } as const;

  test('is counted by what the contract knows of it', () => {
    const metrics = createMetrics();
    metrics.recordCall(record, true);
    metrics.recordCall({ ...record, method: '/made/up', code: 'UNIMPLEMENTED' }, false);
    expect(readMetric(metrics.meter, METRICS.callDuration, { 'rpc.method': record.method })).toBe(1);
    expect(readMetric(metrics.meter, METRICS.callDuration, { 'rpc.method': '_OTHER' })).toBe(1);
    expect(metrics.render().text).not.toContain('/made/up');
  });

  test('is one in progress until it ends', () => {
    const metrics = createMetrics();
    const end = metrics.beginCall();
    expect(readMetric(metrics.meter, METRICS.activeCalls)).toBe(1);
    end();
    expect(readMetric(metrics.meter, METRICS.activeCalls)).toBe(0);
  });
});

import { expect, test } from 'vitest';
import { readOtelSettings } from '../../src/telemetry/otel-settings.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

/** What is on. */
function on(env: Readonly<Record<string, string>>): string[] {
  const { traces, metrics } = readOtelSettings(env);
  return [...(traces ? ['traces'] : []), ...(metrics ? ['metrics'] : [])];
}

test.each<[Record<string, string>, string[]]>([
  [{}, []],
  [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, []],
  [ENDPOINT, ['traces', 'metrics']],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces' }, ['traces']],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318/v1/metrics' }, ['metrics']],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, ['traces']],
  [{ ...ENDPOINT, OTEL_METRICS_EXPORTER: 'none' }, ['traces']],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'zipkin' }, ['metrics']],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: '' }, ['traces', 'metrics']],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }, []],
])('%o turns on %o', (env, signals) => {
  expect(on(env)).toEqual(signals);
});

test('what is set is read', () => {
  const { traces, metrics, problems } = readOtelSettings({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.1',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_METRIC_EXPORT_INTERVAL: '5000',
  });
  expect(problems).toEqual([]);
  expect(traces).toMatchObject({
    protocol: 'grpc',
    sampler: 'parentbased_traceidratio',
    ratio: 0.1,
    maxQueueSize: 100,
  });
  expect(metrics).toEqual({ protocol: 'http/protobuf', intervalMs: 5_000, timeoutMs: 5_000 });
});

test('what cannot be used is told of, and counts as absent', () => {
  const { traces, problems } = readOtelSettings({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: '10%',
    OTEL_METRICS_EXPORTER: 'none',
  });
  expect(traces).toMatchObject({ protocol: 'http/protobuf', sampler: 'parentbased_always_on', ratio: 1 });
  expect(problems).toEqual([
    'OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"; it must be one of http/protobuf, grpc.',
    expect.stringContaining('OTEL_TRACES_SAMPLER is "jaeger_remote"; it must be one of always_on,'),
    'OTEL_TRACES_SAMPLER_ARG is "10%"; it must be a number from 0 to 1.',
  ]);
});

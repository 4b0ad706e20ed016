import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Meter } from './meter.ts';
import type { MetricSettings, OtelSettings, TraceSettings } from './otel-settings.ts';
import { createMetricProducer } from './otlp-metrics.ts';
import { createSpanStarter } from './otlp-spans.ts';
import { countSpans } from './span-counts.ts';
import type { BeginSpan } from './trace.ts';

/** What OTLP is spoken for. */
export type Signal = 'traces' | 'metrics';

/** What the exports work with. */
export interface OtlpOptions {
  readonly settings: OtelSettings;
  readonly meter: Meter;
  /** The version of the service. */
  readonly version: string;
  /** Whether Vultr is told of traces. */
  readonly isTraceSent: boolean;
  /** Called when a collector stops taking what it is sent, with why, and, without, when it takes it again. */
  readonly onState: (signal: Signal, problem: string | undefined) => void;
}

/** The exports, which go on until they are closed. */
export interface Otlp {
  /** Undefined: no traces are taken. */
  readonly beginSpan: BeginSpan | undefined;
  /** Sends what has not been sent yet, for a bounded time. Never rejects. */
  close(): Promise<void>;
}

/** How long the last spans and metrics may take to be sent. */
export const FLUSH_TIMEOUT_MS = 3_000;

/** The name under which spans and metrics are known to be made by this program, whatever the service is called. */
const SCOPE = 'vultr-grpc';

/**
 * Begins to export what the settings ask for. Everything that is heavy about OpenTelemetry is loaded with this file, so it is
 * itself to be loaded only when there is something to export. It sets nothing global.
 */
export async function openOtlp(options: OtlpOptions): Promise<Otlp> {
  const { settings, meter, version, isTraceSent, onState } = options;
  const resource = describeService(version);
  const scope = { name: SCOPE, version };
  const processor = settings.traces && (await openProcessor(settings.traces, options));
  const reader = settings.metrics && (await openReader(settings.metrics, onState));
  reader?.setMetricProducer(createMetricProducer(meter, resource, scope));
  return {
    beginSpan:
      processor &&
      createSpanStarter(settings.traces, isTraceSent, { resource, instrumentationScope: scope, processor }),
    close: async () => {
      const given = new AbortController();
      const ending = Promise.allSettled([processor?.shutdown(), reader?.shutdown()]);
      const timeout = delay(FLUSH_TIMEOUT_MS, undefined, { signal: given.signal }).catch(() => undefined);
      await Promise.race([ending, timeout]);
      given.abort();
    },
  };
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES beat what is said here. */
function describeService(version: string): Resource {
  const own = resourceFromAttributes({
    'service.name': 'vultr-grpc',
    'service.version': version,
    'service.instance.id': crypto.randomUUID(),
    'host.name': hostname(),
    'process.pid': process.pid,
  });
  return own.merge(detectResources({ detectors: [envDetector] }));
}

async function openProcessor(
  settings: TraceSettings,
  { meter, onState }: Pick<OtlpOptions, 'meter' | 'onState'>,
): Promise<BatchSpanProcessor> {
  const { protocol, sampler: _sampler, ratio: _ratio, ...batches } = settings;
  const { OTLPTraceExporter } =
    protocol === 'grpc'
      ? await import('@opentelemetry/exporter-trace-otlp-grpc')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const exporter: SpanExporter = watched(new OTLPTraceExporter(), (problem) => onState('traces', problem));
  const given = Object.fromEntries(Object.entries(batches).filter(([, value]) => value !== undefined));
  return new BatchSpanProcessor({ exporter, selfObsMeterProvider: countSpans(meter), ...given });
}

async function openReader(
  { protocol, intervalMs, timeoutMs }: MetricSettings,
  onState: OtlpOptions['onState'],
): Promise<PeriodicExportingMetricReader> {
  const { OTLPMetricExporter } =
    protocol === 'grpc'
      ? await import('@opentelemetry/exporter-metrics-otlp-grpc')
      : await import('@opentelemetry/exporter-metrics-otlp-proto');
  const exporter: PushMetricExporter = watched(new OTLPMetricExporter(), (problem) =>
    onState('metrics', problem),
  );
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMs,
  });
}

/** An exporter, as far as its results are concerned. */
interface Exporter {
  // A method, so that exporters of anything are exporters.
  export(items: never, onResult: (result: { readonly code: number; readonly error?: Error }) => void): void;
}

/** Has somebody told when an exporter begins to fail, and when it works again. */
function watched<E extends Exporter>(exporter: E, onState: (problem: string | undefined) => void): E {
  let isFailing = false;
  const exportItems = exporter.export.bind(exporter) as Exporter['export'];
  exporter.export = (items, onResult) =>
    exportItems(items, (result) => {
      const failed = result.code !== 0;
      if (failed !== isFailing) onState(failed ? (result.error?.message ?? 'unknown') : undefined);
      isFailing = failed;
      onResult(result);
    });
  return exporter;
}

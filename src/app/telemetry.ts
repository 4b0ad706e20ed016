import type { Environment } from '../config/read.ts';
import { readVersion } from '../config/version.ts';
import type { Logger } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { readOtelSettings } from '../telemetry/otel-settings.ts';
import type { Otlp, OtlpOptions } from '../telemetry/otlp.ts';
import { observeRuntime } from '../telemetry/runtime.ts';
import type { BeginSpan } from '../telemetry/trace.ts';

/** What the service tells of itself besides its log. Disposing of it sends what has not been sent yet, for a bounded time. */
export interface OpenedTelemetry extends AsyncDisposable {
  readonly metrics: Metrics;
  /** Undefined: nothing is traced. */
  readonly beginSpan: BeginSpan | undefined;
}

/** What telemetry is opened with. */
export interface TelemetryContext {
  /** Whose variables `OTEL_…` say what is exported. */
  readonly env: Environment;
  readonly log: Logger;
  /** Whether Vultr is told of traces. */
  readonly isTraceSent: boolean;
  /** Told of each variable that holds a secret, once it is read. */
  readonly onSecretVariable: (name: string) => void;
  /** How many lines of the log have been dropped so far. */
  readonly droppedLogLines: () => number;
}

/** What collectors are sent with every export, which may be a key. */
const HEADER_VARIABLES = [
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
  'OTEL_EXPORTER_OTLP_METRICS_HEADERS',
];

/** Opens metrics and, where OpenTelemetry's variables ask for it, the exports. */
export async function openTelemetry(context: TelemetryContext): Promise<OpenedTelemetry> {
  const metrics = createMetrics(context.droppedLogLines);
  const otlp = await openExports(context, metrics);
  const runtime = observeRuntime(metrics.meter);
  return {
    metrics,
    beginSpan: otlp?.beginSpan,
    [Symbol.asyncDispose]: async () => {
      await otlp?.close();
      runtime[Symbol.dispose]();
    },
  };
}

/** OpenTelemetry's SDK is loaded only when there is something to export: it takes 150 ms and 25 MB. */
async function openExports(
  { env, log, isTraceSent, onSecretVariable }: TelemetryContext,
  { meter }: Metrics,
): Promise<Otlp | undefined> {
  const settings = readOtelSettings(env);
  for (const problem of settings.problems) log.warn({ problem }, 'a variable of OpenTelemetry is not used');
  if (settings.traces === undefined && settings.metrics === undefined) return undefined;
  const { openOtlp } = await import('../telemetry/otlp.ts');
  const onState: OtlpOptions['onState'] = (signal, problem) => {
    if (problem === undefined) log.info({ signal }, 'the collector takes what it is sent again');
    else log.warn({ signal, problem }, 'the collector does not take what it is sent: it is dropped');
  };
  const otlp = await openOtlp({ settings, meter, version: readVersion(), isTraceSent, onState });
  for (const name of HEADER_VARIABLES) if (env[name] !== undefined) onSecretVariable(name);
  return otlp;
}

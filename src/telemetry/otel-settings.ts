/** The environment variables that are read here and by the SDK. */
type Environment = Readonly<Record<string, string | undefined>>;

/** How OTLP is spoken. */
export type OtlpProtocol = 'http/protobuf' | 'grpc';

/** What OpenTelemetry's environment variables ask for. The exporters read the rest of them: where to, headers, certificates. */
export interface OtelSettings {
  /** Undefined: no traces. */
  readonly traces: TraceSettings | undefined;
  /** Undefined: no metrics by OTLP. */
  readonly metrics: MetricSettings | undefined;
  /** What is set and cannot be used, a sentence each. */
  readonly problems: readonly string[];
}

/** How traces are taken and exported. */
export interface TraceSettings {
  readonly protocol: OtlpProtocol;
  readonly sampler: SamplerName;
  /** The part of the traces that a ratio sampler takes. */
  readonly ratio: number;
  /** Undefined: as the SDK has it. */
  readonly maxQueueSize: number | undefined;
  readonly maxExportBatchSize: number | undefined;
  readonly scheduledDelayMillis: number | undefined;
  readonly exportTimeoutMillis: number | undefined;
}

/** How metrics are exported. */
export interface MetricSettings {
  readonly protocol: OtlpProtocol;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** A sampler, by the name that OTEL_TRACES_SAMPLER has for it. */
export type SamplerName = (typeof SAMPLERS)[number];

const PROTOCOLS: readonly OtlpProtocol[] = ['http/protobuf', 'grpc'];

/** Reads the variables. Nothing is on that none of them asks for: an exporter by name, or an endpoint. */
export function readOtelSettings(env: Environment): OtelSettings {
  const reader = new Reader(env);
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true')
    return { traces: undefined, metrics: undefined, problems: [] };
  return {
    traces: reader.isOn('TRACES') ? traceSettings(reader) : undefined,
    metrics: reader.isOn('METRICS') ? metricSettings(reader) : undefined,
    problems: reader.problems,
  };
}

function traceSettings(reader: Reader): TraceSettings {
  return {
    protocol: reader.protocol('TRACES'),
    sampler: reader.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS) ?? 'parentbased_always_on',
    ratio: reader.number('OTEL_TRACES_SAMPLER_ARG', 0, 1) ?? 1,
    maxQueueSize: reader.number('OTEL_BSP_MAX_QUEUE_SIZE', 1, 1_000_000),
    maxExportBatchSize: reader.number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1, 1_000_000),
    scheduledDelayMillis: reader.number('OTEL_BSP_SCHEDULE_DELAY', 1, 3_600_000),
    exportTimeoutMillis: reader.number('OTEL_BSP_EXPORT_TIMEOUT', 1, 3_600_000),
  };
}

function metricSettings(reader: Reader): MetricSettings {
  const intervalMs = reader.number('OTEL_METRIC_EXPORT_INTERVAL', 1, 86_400_000) ?? 60_000;
  const timeoutMs = reader.number('OTEL_METRIC_EXPORT_TIMEOUT', 1, 86_400_000) ?? 30_000;
  return { protocol: reader.protocol('METRICS'), intervalMs, timeoutMs: Math.min(intervalMs, timeoutMs) };
}

/** Reads variables one by one. One that cannot be used is told of and counts as absent, as OpenTelemetry wants it. */
class Reader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  isOn(signal: 'TRACES' | 'METRICS'): boolean {
    const name = `OTEL_${signal}_EXPORTER`;
    const exporter = this.oneOf(name, ['otlp', 'none']);
    if (exporter !== undefined) return exporter === 'otlp';
    // Whoever asked for one that is not there is not given another.
    if (this.#text(name) !== undefined) return false;
    return ['OTEL_EXPORTER_OTLP_ENDPOINT', `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`].some(
      (endpoint) => this.#text(endpoint) !== undefined,
    );
  }

  protocol(signal: 'TRACES' | 'METRICS'): OtlpProtocol {
    return (
      this.oneOf(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, PROTOCOLS) ??
      this.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOLS) ??
      'http/protobuf'
    );
  }

  oneOf<Name extends string>(variable: string, names: readonly Name[]): Name | undefined {
    const text = this.#text(variable);
    const name = names.find((each) => each === text);
    if (text !== undefined && name === undefined) this.#refuse(variable, text, `one of ${names.join(', ')}`);
    return name;
  }

  number(variable: string, least: number, most: number): number | undefined {
    const text = this.#text(variable);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (value >= least && value <= most) return value;
    this.#refuse(variable, text, `a number from ${least} to ${most}`);
    return undefined;
  }

  /** An empty variable counts as absent. */
  #text(variable: string): string | undefined {
    return this.#env[variable]?.trim() || undefined;
  }

  #refuse(variable: string, text: string, wanted: string): void {
    this.problems.push(`${variable} is ${JSON.stringify(text)}; it must be ${wanted}.`);
  }
}

import {
  type Context,
  createTraceState,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { SamplerName } from './otel-settings.ts';
import {
  type BeginSpan,
  outsideSpans,
  type Span,
  type SpanAttributes,
  type SpanStart,
  type TraceContext,
} from './trace.ts';

/** Makes a sampler by its name. */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler();
  if (name === 'always_off') return new AlwaysOffSampler();
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(ratio);
  const root = name.replace('parentbased_', '') as 'always_on' | 'always_off' | 'traceidratio';
  return new ParentBasedSampler({ root: createSampler(root, ratio) });
}

/** Has a tracer of the SDK begin spans. */
export function createSpanStarter(tracer: Tracer): BeginSpan {
  return ({ name, kind, parent }) =>
    new SdkSpan(tracer.startSpan(name, { kind: KINDS[kind] }, toContext(parent)));
}

const KINDS: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
};

function toContext(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const spanContext = parent instanceof SdkSpan ? parent.spanContext : toSpanContext(parent);
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

/** The span of somebody else, which came with a call. */
function toSpanContext({ traceId, spanId, isSampled, state }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state !== undefined && { traceState: createTraceState(state) }),
  };
}

class SdkSpan implements Span {
  readonly #span: OtelSpan;
  readonly spanContext: SpanContext;
  readonly isSampled: boolean;

  constructor(span: OtelSpan) {
    this.#span = span;
    this.spanContext = span.spanContext();
    this.isSampled = span.isRecording();
  }

  get traceId(): string {
    return this.spanContext.traceId;
  }

  get spanId(): string {
    return this.spanContext.spanId;
  }

  get state(): string | undefined {
    return this.spanContext.traceState?.serialize();
  }

  note(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  event(name: string, attributes?: SpanAttributes): void {
    this.#span.addEvent(name, attributes);
  }

  fail(text: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: text });
  }

  end(): void {
    // The export, which its end may set going, is no part of it.
    outsideSpans(() => this.#span.end());
  }
}

import { randomFillSync } from 'node:crypto';
import {
  type Context,
  createTraceState,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type IdGenerator, SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { TraceSettings } from './otel-settings.ts';
import {
  type BeginSpan,
  outsideSpans,
  type Span,
  type SpanAttributes,
  type SpanStart,
  type TraceContext,
} from './trace.ts';

/** Decides whether a trace is sampled: by its parent, if there is one, and by its id. */
type IsSampled = (parent: TraceContext | undefined, traceId: string) => boolean;

/** Has a tracer of the SDK, which takes what it is given and asks this for ids, begin the spans that are sampled. */
export class SpanStarter implements IdGenerator {
  readonly #isSampled: IsSampled;
  readonly #isTraceSent: boolean;
  #traceId = '';

  /** @param isTraceSent whether Vultr is told of every trace, and so has to be told of the others, too */
  constructor({ sampler, ratio }: Pick<TraceSettings, 'sampler' | 'ratio'>, isTraceSent: boolean) {
    this.#isSampled = createSampler(sampler, ratio);
    this.#isTraceSent = isTraceSent;
  }

  /** The SDK asks for the id of a trace only while a span without a parent is begun. */
  readonly generateTraceId = (): string => this.#traceId;

  readonly generateSpanId = (): string => randomHex(8);

  /** Most calls are not sampled, and the SDK would make as much of them as of others, twice over what is needed. */
  begin(tracer: Tracer): BeginSpan {
    return ({ name, kind, parent }) => {
      this.#traceId = parent?.traceId ?? randomHex(16);
      if (!this.#isSampled(parent, this.#traceId))
        return new UnsampledSpan(this.#traceId, parent?.state, this.#isTraceSent);
      return new SampledSpan(tracer.startSpan(name, { kind: KINDS[kind] }, toContext(parent)));
    };
  }
}

function createSampler(name: TraceSettings['sampler'], ratio: number): IsSampled {
  if (name === 'always_on') return () => true;
  if (name === 'always_off') return () => false;
  if (name === 'traceidratio') {
    // The SDK's, so that services in other languages sample the same traces.
    const sampler = new TraceIdRatioBasedSampler(ratio);
    const { RECORD_AND_SAMPLED } = SamplingDecision;
    return (_parent, traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === RECORD_AND_SAMPLED;
  }
  const root = createSampler(name.replace('parentbased_', '') as typeof name, ratio);
  return (parent, traceId) => parent?.isSampled ?? root(parent, traceId);
}

const KINDS: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
};

function toContext(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled, state } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    // What is no span of this process came with a call.
    isRemote: !(parent instanceof SampledSpan),
    ...(state !== undefined && { traceState: createTraceState(state) }),
  });
}

/** A span that is exported when it ends. */
class SampledSpan implements Span {
  readonly #span: OtelSpan;
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled = true;
  readonly isFound = true;

  constructor(span: OtelSpan) {
    this.#span = span;
    ({ traceId: this.traceId, spanId: this.spanId } = span.spanContext());
  }

  get state(): string | undefined {
    return this.#span.spanContext().traceState?.serialize();
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

/** A span that only passes its context on. */
class UnsampledSpan implements Span {
  readonly traceId: string;
  readonly spanId = randomHex(8);
  readonly isSampled = false;
  readonly isFound: boolean;
  readonly state: string | undefined;

  constructor(traceId: string, state: string | undefined, isFound: boolean) {
    this.traceId = traceId;
    this.state = state;
    this.isFound = isFound;
  }

  note(): void {}

  event(): void {}

  fail(): void {}

  end(): void {}
}

/** Random bytes for many ids, since to get them takes as long for one. */
const pool = Buffer.alloc(4_096);
let poolAt = pool.length;

function randomHex(bytes: number): string {
  if (poolAt + bytes > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += bytes;
  return pool.toString('hex', poolAt - bytes, poolAt);
}

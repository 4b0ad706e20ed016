import {
  type Attributes,
  createTraceState,
  type HrTime,
  type Link,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, SpanProcessor, TimedEvent } from '@opentelemetry/sdk-trace';
import { outsideSpans, type Span, type SpanAttributes, type SpanStart, type TraceContext } from './trace.ts';

/** What the spans of a service have in common. */
export interface SpanOrigin {
  readonly resource: Resource;
  readonly instrumentationScope: ReadableSpan['instrumentationScope'];
  /** Takes every span that has ended. */
  readonly processor: Pick<SpanProcessor, 'onEnd'>;
}

/** The ids of a span. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** The most events that a span keeps, as in the SDK. When there are more, the first ones give way. */
const MAX_EVENTS = 128;

const KINDS: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
};

const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };
const NOTHING: Attributes = {};
const NO_EVENTS: TimedEvent[] = [];
const NO_LINKS: Link[] = [];

/**
 * A span that is exported when it ends, in the form that the SDK's exporters read. Hundreds of them wait for their export at a
 * time, and the garbage collector moves all of them, so a span is a few objects. One of the SDK's is twenty, and takes five times
 * as long to make.
 */
export class SampledSpan implements Span, ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext?: SpanContext;
  readonly #origin: SpanOrigin;
  readonly #context: SpanContext;
  /** By the wall clock. */
  readonly #startMs = Date.now();
  /** By the clock that is never set. */
  readonly #startedAt = performance.now();
  #endedAt: number | undefined;
  attributes = NOTHING;
  events = NO_EVENTS;
  droppedEventsCount = 0;
  status = UNSET;

  constructor({ name, kind, parent }: SpanStart, { traceId, spanId }: SpanIds, origin: SpanOrigin) {
    this.name = name;
    this.kind = KINDS[kind];
    this.#origin = origin;
    const traceState = parent?.state === undefined ? undefined : createTraceState(parent.state);
    this.#context = {
      traceId,
      spanId,
      traceFlags: TraceFlags.SAMPLED,
      ...(traceState !== undefined && { traceState }),
    };
    if (parent !== undefined) this.parentSpanContext = toSpanContext(parent);
  }

  get traceId(): string {
    return this.#context.traceId;
  }

  get spanId(): string {
    return this.#context.spanId;
  }

  get isSampled(): boolean {
    return true;
  }

  get isFound(): boolean {
    return true;
  }

  get state(): string | undefined {
    return this.#context.traceState?.serialize();
  }

  note(attributes: SpanAttributes): void {
    this.attributes = this.attributes === NOTHING ? attributes : { ...this.attributes, ...attributes };
  }

  event(name: string, attributes?: SpanAttributes): void {
    if (this.events === NO_EVENTS) this.events = [];
    if (this.events.length === MAX_EVENTS) {
      this.events.shift();
      this.droppedEventsCount += 1;
    }
    const time = this.#timeAt(performance.now());
    this.events.push({ name, time, attributes: attributes ?? NOTHING, droppedAttributesCount: 0 });
  }

  fail(text: string): void {
    this.status = { code: SpanStatusCode.ERROR, message: text };
  }

  end(): void {
    this.#endedAt = performance.now();
    // The export, which its end may set going, is no part of it.
    outsideSpans(() => this.#origin.processor.onEnd(this));
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  get startTime(): HrTime {
    return this.#timeAt(this.#startedAt);
  }

  get endTime(): HrTime {
    return this.#timeAt(this.#endedAt ?? this.#startedAt);
  }

  get duration(): HrTime {
    return toHrTime((this.#endedAt ?? this.#startedAt) - this.#startedAt);
  }

  get ended(): boolean {
    return this.#endedAt !== undefined;
  }

  get resource(): Resource {
    return this.#origin.resource;
  }

  get instrumentationScope(): ReadableSpan['instrumentationScope'] {
    return this.#origin.instrumentationScope;
  }

  get links(): Link[] {
    return NO_LINKS;
  }

  get droppedAttributesCount(): number {
    return 0;
  }

  get droppedLinksCount(): number {
    return 0;
  }

  #timeAt(moment: number): HrTime {
    return toHrTime(this.#startMs + (moment - this.#startedAt));
  }
}

function toSpanContext(parent: TraceContext): SpanContext {
  return {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    // What is no span of this process came with a call.
    isRemote: !(parent instanceof SampledSpan),
  };
}

/** Seconds, and nanoseconds beyond them. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.trunc(ms / 1_000);
  return [seconds, Math.trunc((ms - seconds * 1_000) * 1e6)];
}

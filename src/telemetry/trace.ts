import { AsyncLocalStorage } from 'node:async_hooks';

/** What is told of a span: names are OpenTelemetry's where it has one. Nothing secret may get in here. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Where a call or request stands in a trace (W3C Trace Context). */
export interface TraceContext {
  /** 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  /** Whether it is recorded, so that what it causes should be, too. */
  readonly isSampled: boolean;
  /** What vendors have noted, as the header `tracestate` has it; undefined: nothing. */
  readonly state: string | undefined;
}

/** A piece of work that is traced. What is told of one that is not sampled is dropped. */
export interface Span extends TraceContext {
  /** Whether what is done on its behalf has to find it. Else it finds one span for all of those, which costs less. */
  readonly isFound: boolean;
  note(attributes: SpanAttributes): void;
  /** Something happened at this moment. */
  event(name: string, attributes?: SpanAttributes): void;
  /** It failed. */
  fail(text: string): void;
  /** Has to be called once, after everything else. */
  end(): void;
}

/** What a span is begun with. */
export interface SpanStart {
  readonly name: string;
  /** Whether it serves somebody, or asks somebody. */
  readonly kind: 'server' | 'client';
  /** What it is a part of; undefined: it begins a trace. */
  readonly parent: TraceContext | undefined;
}

/** Begins spans. */
export type BeginSpan = (start: SpanStart) => Span;

function nothing(): void {}

/** Stands for all spans of which nothing is recorded, and whose ids nobody needs. */
const UNSAMPLED: Span = {
  traceId: '0'.repeat(32),
  spanId: '0'.repeat(16),
  isSampled: false,
  isFound: false,
  state: undefined,
  note: nothing,
  event: nothing,
  fail: nothing,
  end: nothing,
};

/** What work is a part of that begins traces of its own. */
const OWN_TRACES = Symbol('traces of its own');

/**
 * The span of the work that is going on. It follows promises and callbacks, so that whatever happens on behalf of a call
 * finds its span without being handed it. Nothing is kept here for calls that are not sampled, which are most, nor while tracing
 * is off: it would cost each of them more than the rest of its span.
 */
const current = new AsyncLocalStorage<Span | typeof OWN_TRACES | undefined>();

/**
 * The span that what runs now belongs to. Where there is none that has to be found, it is one of which nothing is recorded;
 * undefined: what runs now begins a trace.
 */
export function currentSpan(): Span | undefined {
  const store = current.getStore();
  return store === OWN_TRACES ? undefined : (store ?? UNSAMPLED);
}

/** Does some work as part of a span; undefined: as part of none that it was not part of already. */
export function inSpan<T>(span: Span | undefined, work: () => T): T {
  if (span === undefined) return work();
  return span.isFound ? current.run(span, work) : outsideSpans(work);
}

/** Does some work where nothing is kept. The context in which this file is loaded is there already, so it costs less than a new one. */
const outside = AsyncLocalStorage.snapshot();

/** Does some work that belongs to no call, though a call happens to start it. */
export function outsideSpans<T>(work: () => T): T {
  return current.getStore() === undefined ? work() : outside(work);
}

/** The same for work that is traced by itself: what it asks of others begins traces of its own. */
export function inOwnTraces<T>(work: () => T): T {
  return current.run(OWN_TRACES, work);
}

/** `traceparent` of version 00; of later ones, what they have in common with it. */
const TRACE_PARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads the headers of W3C Trace Context; undefined: there are none, or they are malformed and do not count. */
export function readTraceContext(metadata: ReadonlyMap<string, string>): TraceContext | undefined {
  const header = metadata.get('traceparent');
  if (header === undefined) return undefined;
  const [, version, traceId, spanId, flags = '', more] = TRACE_PARENT.exec(header) ?? [];
  if (traceId === undefined || spanId === undefined || (version === '00' && more !== undefined))
    return undefined;
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return { traceId, spanId, isSampled, state: metadata.get('tracestate') };
}

/** The headers that pass a context on. */
export function traceHeaders({ traceId, spanId, isSampled, state }: TraceContext): Record<string, string> {
  return {
    traceparent: `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`,
    ...(state !== undefined && state !== '' && { tracestate: state }),
  };
}

import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { TraceSettings } from './otel-settings.ts';
import { RandomIds } from './random-ids.ts';
import { SampledSpan, type SpanOrigin } from './sampled-span.ts';
import type { BeginSpan, Span, TraceContext } from './trace.ts';

/** Decides whether a trace is sampled. */
interface Sampler {
  ofParent(parent: TraceContext): boolean;
  /** @param folded the id of a trace that begins here, folded into 32 bits */
  ofNew(folded: number): boolean;
}

/**
 * Begins spans.
 * @param isTraceSent whether Vultr is told of every trace, and so has to be told of those that are not sampled, too
 */
export function createSpanStarter(
  { sampler, ratio }: Pick<TraceSettings, 'sampler' | 'ratio'>,
  isTraceSent: boolean,
  origin: SpanOrigin,
): BeginSpan {
  const { ofParent, ofNew } = createSampler(sampler, ratio);
  const ids = new RandomIds();
  return (start) => {
    const { parent } = start;
    const traceId = parent?.traceId ?? ids.trace();
    const isSampled = parent === undefined ? ofNew(ids.foldedTrace) : ofParent(parent);
    const spanId = ids.span();
    if (isSampled) return new SampledSpan(start, { traceId, spanId }, origin);
    return new UnsampledSpan(traceId, spanId, parent?.state, isTraceSent);
  };
}

const TWO_TO_32 = 2 ** 32;

function createSampler(name: TraceSettings['sampler'], ratio: number): Sampler {
  if (name === 'always_on') return { ofParent: () => true, ofNew: () => true };
  if (name === 'always_off') return { ofParent: () => false, ofNew: () => false };
  if (name === 'traceidratio') {
    // The SDK's, so that services in other languages sample the same traces.
    const sampler = new TraceIdRatioBasedSampler(ratio);
    const { RECORD_AND_SAMPLED } = SamplingDecision;
    // What it does with an id, which it reads digit by digit: that takes longer than all else that a span needs which is not sampled.
    const bound = ratio === 1 ? TWO_TO_32 : Math.floor(ratio * (TWO_TO_32 - 1));
    return {
      ofParent: ({ traceId }) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === RECORD_AND_SAMPLED,
      ofNew: (folded) => folded < bound,
    };
  }
  const root = createSampler(name.replace('parentbased_', '') as typeof name, ratio);
  return { ofParent: ({ isSampled }) => isSampled, ofNew: root.ofNew };
}

/** A span that only passes its context on. */
class UnsampledSpan implements Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled = false;
  readonly isFound: boolean;
  readonly state: string | undefined;

  constructor(traceId: string, spanId: string, state: string | undefined, isFound: boolean) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.state = state;
    this.isFound = isFound;
  }

  note(): void {}

  event(): void {}

  fail(): void {}

  end(): void {}
}

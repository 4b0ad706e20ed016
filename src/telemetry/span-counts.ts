import { type Meter as ApiMeter, createNoopMeter, type MeterProvider } from '@opentelemetry/api';
import type { Meter } from './meter.ts';
import { METRICS } from './metric-table.ts';

/** Counts what becomes of spans: gives the SDK, which counts that itself, the service's own counter. */
export function countSpans(meter: Meter): MeterProvider {
  const processed = meter.counter(METRICS.processedSpans);
  const { name } = METRICS.processedSpans;
  const noop = createNoopMeter();
  const counting: ApiMeter = Object.assign(Object.create(noop) as ApiMeter, {
    createCounter: (wanted: string, options) =>
      wanted === name
        ? { add: (count, labels) => processed.add(count, String(labels?.['error.type'] ?? '')) }
        : noop.createCounter(wanted, options),
  } satisfies Pick<ApiMeter, 'createCounter'>);
  return { getMeter: () => counting };
}

import { type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { type HistogramPoint, type Meter, namedLabels, type Reading, type ValuePoint } from './meter.ts';

/** Makes a producer of OpenTelemetry's SDK that reads the instruments of the service: the second reader, beside `/metrics`. */
export function createMetricProducer(
  meter: Meter,
  resource: Resource,
  scope: { readonly name: string; readonly version: string },
): MetricProducer {
  const startTime = now();
  return {
    collect: async () => {
      const endTime = now();
      const metrics = meter
        .read()
        .filter(({ points }) => points.length > 0)
        .map((reading) => toMetricData(reading, { startTime, endTime }));
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function toMetricData({ spec, points }: Reading, times: Times): MetricData {
  const { name, unit, help: description } = spec;
  const base = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const toPoint = <T>(labels: readonly string[], value: T) => ({
    ...times,
    attributes: Object.fromEntries(namedLabels(spec, labels)),
    value,
  });
  if (spec.kind === 'histogram') {
    const dataPoints = (points as readonly HistogramPoint[]).map(({ labels, counts, sum, count }) =>
      toPoint(labels, {
        buckets: { boundaries: [...spec.bounds], counts: [...counts] },
        sum,
        count,
      }),
    );
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = (points as readonly ValuePoint[]).map(({ labels, value }) => toPoint(labels, value));
  if (spec.kind === 'gauge') return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

function now(): HrTime {
  const ms = Date.now();
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1e6];
}

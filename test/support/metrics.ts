import {
  type CounterSpec,
  type GaugeSpec,
  type HistogramSpec,
  type Meter,
  namedLabels,
} from '../../src/telemetry/meter.ts';

/**
 * What a metric has come to: the sum over its series with these labels, or, of a histogram, how many values it was given; 0
 * where there is none.
 */
export function readMetric(
  meter: Meter,
  { name }: CounterSpec | GaugeSpec | HistogramSpec,
  labels: Readonly<Record<string, string>> = {},
): number {
  const reading = meter.read().find(({ spec }) => spec.name === name);
  if (reading === undefined) throw new Error(`Nobody has registered ${name}.`);
  const { spec, points } = reading;
  return points
    .filter((point) => {
      const given = Object.fromEntries(namedLabels(spec, point.labels));
      return Object.entries(labels).every(([label, value]) => given[label] === value);
    })
    .reduce((sum, point) => sum + ('count' in point ? point.count : point.value), 0);
}

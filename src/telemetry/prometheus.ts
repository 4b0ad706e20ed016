import {
  type HistogramPoint,
  type HistogramSpec,
  namedLabels,
  type Reading,
  type ValuePoint,
} from './meter.ts';

/** The media type of Prometheus' text format. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** How units are written in names. Those in braces are not. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['s', '_seconds'],
  ['By', '_bytes'],
  ['{request}/s', '_per_second'],
]);

/**
 * The name of a metric in Prometheus, as OpenTelemetry's rules for compatibility derive it: with underscores, the unit, and
 * `_total` for a counter.
 */
export function prometheusName({ name, unit, kind }: Reading['spec']): string {
  const plain = labelName(name);
  const suffix = UNITS.get(unit) ?? '';
  const withUnit = plain.endsWith(suffix) ? plain : plain + suffix;
  return kind === 'counter' ? `${withUnit}_total` : withUnit;
}

/** The name of a label in Prometheus. */
export function labelName(name: string): string {
  return name.replaceAll('.', '_');
}

/** Writes metrics in Prometheus' text format. */
export function renderPrometheus(readings: readonly Reading[]): string {
  return readings.map(renderMetric).join('\n');
}

function renderMetric({ spec, points }: Reading): string {
  const name = prometheusName(spec);
  let text = `# HELP ${name} ${escapeHelp(spec.help)}\n# TYPE ${name} ${spec.kind}\n`;
  for (const point of points) {
    const labels = namedLabels(spec, point.labels)
      .map(([label, value]) => `${labelName(label)}="${escapeLabel(value)}"`)
      .join(',');
    text +=
      spec.kind === 'histogram'
        ? histogramLines(name, labels, spec, point as HistogramPoint)
        : `${name}${labels === '' ? '' : `{${labels}}`} ${numberText((point as ValuePoint).value)}\n`;
  }
  return text;
}

function histogramLines(
  name: string,
  labels: string,
  { bounds }: HistogramSpec,
  { counts, sum, count }: HistogramPoint,
): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    below += counts[index] ?? 0;
    text += `${name}_bucket{${before}le="${bound}"} ${below}\n`;
  }
  const own = labels === '' ? '' : `{${labels}}`;
  return `${text}${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum${own} ${numberText(sum)}\n${name}_count${own} ${count}\n`;
}

function escapeLabel(text: string): string {
  return /[\\"\n]/.test(text)
    ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

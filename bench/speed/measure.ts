import type { Load } from './load.ts';
import type { Target } from './process.ts';

/** What one round of one load on one target came to. */
export interface Round {
  readonly perSecond: number;
  /** CPU time of the target for a call, in microseconds. */
  readonly cpuMicros: number;
  /** The median time of a call, in milliseconds. */
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly residentBytes: number;
}

/** Runs one round. */
export async function measure(target: Target, load: Load, ms: number, concurrency: number): Promise<Round> {
  const cpuBefore = target.cpuMicros();
  const startedAt = performance.now();
  const took = await load.run(ms, concurrency);
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuMicros = (target.cpuMicros() - cpuBefore) / took.length;
  return {
    perSecond: took.length / seconds,
    cpuMicros,
    p50Ms: median(took),
    maxMs: took.reduce((most, one) => Math.max(most, one), 0),
    residentBytes: target.residentBytes(),
  };
}

/** The middle of several values; of none, NaN. */
export function median(values: readonly number[]): number {
  return Float64Array.from(values).toSorted()[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** A median, and between which values the middle half lies. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The median and the quartiles of several values. */
export function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).toSorted();
  const at = (part: number): number => sorted[Math.round(part * (sorted.length - 1))] ?? Number.NaN;
  return { median: median(values), low: at(0.25), high: at(0.75) };
}

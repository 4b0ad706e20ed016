import { setTimeout as delay } from 'node:timers/promises';
import { type Spread, spread } from './measure.ts';
import type { Targets } from './targets.ts';

/** How the service starts, and what it holds then. */
export interface Start {
  readonly name: string;
  /** From the start of the process to its ready line. */
  readonly ms: Spread;
  readonly residentMb: number;
}

/** Memory is looked at once what the start has left behind could be collected. */
const SETTLE_MS = 500;

/** Starts the built package so many times, without the sandbox, and that of another checkout in turns with it. */
export async function measureStart(
  targets: Targets,
  runs: number,
  baseline: string | undefined,
): Promise<readonly Start[]> {
  const kinds = [
    { name: 'built package', checkout: undefined },
    ...(baseline === undefined ? [] : [{ name: 'built package before', checkout: baseline }]),
  ].map((kind) => ({ ...kind, times: [] as number[], sizes: [] as number[] }));
  for (let run = 0; run < runs; run += 1) {
    for (const { checkout, times, sizes } of kinds) {
      const target = await targets.service('default', checkout);
      await delay(SETTLE_MS);
      times.push(target.startMs);
      sizes.push(target.residentBytes() / 2 ** 20);
      await target.stop();
    }
  }
  return kinds.map(({ name, times, sizes }) => ({
    name,
    ms: spread(times),
    residentMb: spread(sizes).median,
  }));
}

import { systemClock } from '../base/clock.ts';
import type { ServeConfig } from '../config/settings.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import type { StageState } from '../vultr/stages.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { Watches } from '../watch/watches.ts';

/** Creates the watches, within the bounds that the settings and the budget set. */
export function createWatches(
  { watchIntervalMs, watchShare, maxWatches, rate, reserve, replicas }: ServeConfig,
  { meter }: Metrics,
  vultr: Vultr,
  stateOf: () => StageState,
  resolve: ResolveOperation,
): Watches {
  const watches = new Watches({
    vultr,
    clock: systemClock,
    resolve,
    limits: { intervalMs: watchIntervalMs, maxPerCaller: maxWatches },
    pollsPerSecond: rate === undefined ? undefined : (rate * (1 - reserve) * watchShare) / replicas,
    ease: () => {
      const { budget } = stateOf();
      if (budget === undefined) return 1;
      return budget.rateFactor * (budget.waiting > 0 ? 0.5 : 1);
    },
  });
  meter.observed(METRICS.watches, (observe) => observe(watches.state.watches));
  meter.observed(METRICS.watchedThings, (observe) => observe(watches.state.things));
  return watches;
}

import { systemClock } from '../base/clock.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import type { VultrClient } from '../vultr/client.ts';
import { Watches } from '../watch/watches.ts';

/** The watches, with what the settings say and the budget allows. */
export function createWatches(
  { watchIntervalMs, watchShare, maxWatches, rate, reserve, replicas }: ServeConfig,
  client: VultrClient,
  resolve: ResolveOperation,
): Watches {
  return new Watches({
    vultr: client,
    clock: systemClock,
    resolve,
    limits: { intervalMs: watchIntervalMs, maxPerCaller: maxWatches },
    pollsPerSecond: rate === undefined ? undefined : (rate * (1 - reserve) * watchShare) / replicas,
    ease: () => {
      const { budget } = client.state();
      if (budget === undefined) return 1;
      return budget.rateFactor * (budget.waiting > 0 ? 0.5 : 1);
    },
  });
}

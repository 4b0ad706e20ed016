import type { ServeConfig } from '../config/settings.ts';
import { createShedder, NO_SHEDDER, type Shedder } from '../pipeline/shedder.ts';
import type { Logger } from '../telemetry/log.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Makes what refuses calls when there are too many, as the settings say. */
export function openShedder(config: ServeConfig, log: Logger, { meter }: Metrics): Shedder {
  const shed = meter.counter(METRICS.shedCalls);
  if (config.shedDelayMs === undefined) return NO_SHEDDER;
  return createShedder({
    delayMs: config.shedDelayMs,
    leastCalls: config.shedCalls,
    onShed: (kind) => shed.add(1, kind),
    onBegin: () => log.warn('the service has too much to do: calls are refused'),
    onEnd: (refused) => log.info({ refused }, 'calls are no longer refused'),
  });
}

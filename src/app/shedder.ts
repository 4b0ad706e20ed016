import { Counter } from 'prom-client';
import type { ServeConfig } from '../config/settings.ts';
import { createShedder, NO_SHEDDER, type Shedder } from '../pipeline/shedder.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Makes what refuses calls when there are too many, as the settings say. */
export function openShedder(config: ServeConfig, log: Logger, { registry }: Metrics): Shedder {
  const shed = new Counter({
    name: 'rpc_server_shed_calls_total',
    help: 'Calls that were refused because the event loop was late, by kind: watch, read, change.',
    labelNames: ['kind'],
    registers: [registry],
  });
  if (config.shedDelayMs === undefined) return NO_SHEDDER;
  return createShedder({
    delayMs: config.shedDelayMs,
    leastCalls: config.shedCalls,
    onShed: (kind) => shed.inc({ kind }),
    onBegin: () => log.warn('the service has too much to do: calls are refused'),
    onEnd: (refused) => log.info({ refused }, 'calls are no longer refused'),
  });
}

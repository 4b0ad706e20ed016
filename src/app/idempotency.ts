import { systemClock } from '../base/clock.ts';
import type { ServeConfig } from '../config/settings.ts';
import {
  createBootClock,
  createIdempotentVultr,
  createMoments,
  type IdempotencyStore,
  type IdempotentVultr,
  openRedisStore,
  openSqliteStore,
  watchStore,
} from '../idempotency/index.ts';
import type { Logger } from '../telemetry/log.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { currentSpan } from '../telemetry/trace.ts';
import type { Vultr } from '../vultr/vultr.ts';

/** The way to Vultr with idempotency, and whether its record works. */
export interface OpenedIdempotency extends IdempotentVultr {
  /** Whether the record of creations can be used, as far as is known. */
  isAvailable(): boolean;
}

/**
 * Opens the record of creations where the settings say, and wraps the way to Vultr with it.
 * @throws Error when the folder of the record cannot be used
 */
export async function openIdempotency(
  config: ServeConfig,
  log: Logger,
  { meter }: Metrics,
  vultr: Vultr,
): Promise<OpenedIdempotency> {
  const store = await watchStore({
    store: await openStore(config),
    onLost: (error) =>
      log.error(
        { error: textOf(error) },
        'the record of creations is not available: creations with a key are refused',
      ),
    onBack: () => log.info('the record of creations is available again'),
  });
  meter.observed(METRICS.idempotencyAvailable, (observe) => observe(Number(store.isAvailable())));
  const outcomes = meter.counter(METRICS.idempotencyOutcomes);
  const idempotent = createIdempotentVultr({
    vultr,
    store,
    clock: systemClock,
    moments: createMoments(systemClock, createBootClock()),
    isTagging: config.isTagging,
    policy: { settleMs: config.createSettleMs },
    onEnding: (ending) => {
      outcomes.add(1, ending);
      currentSpan()?.event('vultr.idempotency', { outcome: ending });
    },
    onStoreFailure: (error) =>
      log.warn({ error: textOf(error) }, 'the record of creations could not be brought up to date'),
  });
  return { ...idempotent, isAvailable: store.isAvailable };
}

async function openStore({ redisUrl, upstream, stateDir }: ServeConfig): Promise<IdempotencyStore> {
  if (redisUrl !== undefined) return openRedisStore({ url: redisUrl });
  // What an embedded Vultr has made is gone when the service stops, and so is the record.
  return await openSqliteStore({ stateDir: upstream === 'sandbox' ? undefined : stateDir });
}

/** An error of a library is never logged whole: it may hold what it was called with, passwords included. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { systemClock } from '../base/clock.ts';
import type { RedisTarget } from '../base/redis.ts';
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

/** The way to Vultr with idempotency, and the state of its record. */
export interface OpenedIdempotency extends IdempotentVultr {
  /** Whether the record of creations can be used, as far as it is known. */
  isAvailable(): boolean;
}

/** What it is opened with. */
export interface IdempotencyContext {
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly vultr: Vultr;
  /** Where the record is kept; undefined: on this machine. */
  readonly redis: RedisTarget | undefined;
}

/**
 * Opens the record of creations where the settings say, and wraps the way to Vultr with it.
 * @throws Error when the folder of the record cannot be used
 */
export async function openIdempotency(context: IdempotencyContext): Promise<OpenedIdempotency> {
  const { config, log, metrics, vultr, redis } = context;
  const { meter } = metrics;
  const store = await watchStore({
    store: await openStore(config, redis),
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

async function openStore(
  { upstream, stateDir, redisReplicas }: ServeConfig,
  redis: RedisTarget | undefined,
): Promise<IdempotencyStore> {
  if (redis !== undefined) return openRedisStore({ ...redis, replicas: redisReplicas });
  // Everything in an embedded Vultr is gone when the service stops, so the record may be, too.
  return await openSqliteStore({ stateDir: upstream === 'sandbox' ? undefined : stateDir });
}

/** Errors of libraries are never logged whole: they may hold the arguments of a call, passwords included. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { Operation } from '../contract/operation.ts';
import {
  type CreationStore,
  type Creations,
  createCreations,
  openRedisStore,
  openSqliteStore,
} from '../idempotency/index.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import { systemClock } from '../base/clock.ts';
import type { Send } from '../vultr/request.ts';

/**
 * Opens the record of creations where the settings say, and what works with it.
 * @throws Error when the folder of the record cannot be used
 */
export function openCreations(
  config: ServeConfig,
  log: Logger,
  send: Send,
  operations: readonly Operation[],
): Creations {
  return createCreations({
    send,
    operations,
    store: openStore(config, log),
    clock: systemClock,
    isMarking: config.isMarking,
    policy: { settleMs: config.createSettleMs },
    onStoreFailure: (error) =>
      log.warn({ err: error }, 'the record of creations could not be brought up to date'),
  });
}

function openStore({ redisUrl, upstream, stateDir }: ServeConfig, log: Logger): CreationStore {
  if (redisUrl !== undefined) {
    return openRedisStore({
      url: redisUrl,
      onError: (error) =>
        log.warn({ err: error }, 'Redis, which keeps the record of creations, does not answer'),
    });
  }
  // What an embedded Vultr has made is gone at the end.
  return openSqliteStore({ stateDir: upstream === 'sandbox' ? undefined : stateDir, now: Date.now });
}

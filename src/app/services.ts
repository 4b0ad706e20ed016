import { systemClock } from '../base/clock.ts';
import { createCloudService } from '../cloud/service.ts';
import type { Contract } from '../contract/load.ts';
import type { Health } from '../grpc/health.ts';
import { createReflection } from '../grpc/reflection.ts';
import type { Handler } from '../rpc/call.ts';
import { createForwarder } from '../v2/forward.ts';
import { createRawHandler } from '../v2/raw.ts';
import type { ResolveOperation } from '../v2/resolve.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { createAndWait } from '../watch/create-and-wait.ts';
import { observeChanges } from '../watch/observe-changes.ts';
import { createWatchService, type WatchService } from '../watch/service.ts';
import { createWatchedRead, type WatchedRead } from '../watch/watched-read.ts';
import type { Watches } from '../watch/watches.ts';
import { assignHandlers } from './handlers.ts';

/** The parts that the services need. */
export interface ServicesOptions {
  readonly contract: Contract;
  /** The way to Vultr, with idempotency. */
  readonly vultr: Vultr;
  readonly watches: Watches;
  readonly health: Health;
  readonly resolveVultr: ResolveOperation;
}

/** Everything that is served. */
export interface Services extends Pick<WatchService, 'views'> {
  /** By the full names of the operations. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly watchedRead: WatchedRead;
}

/**
 * Creates the handlers of all services of the contract.
 * @throws Error when an operation has no handler, or a handler has no operation
 */
export function createServices(options: ServicesOptions): Services {
  const { contract, watches, health, resolveVultr: resolve } = options;
  const { operations } = contract;
  const vultr = createAndWait({
    vultr: observeChanges(options.vultr, watches),
    watches,
    resolve,
    clock: systemClock,
  });
  const watching = createWatchService({ watches, vultr, operations });
  const cloud = createCloudService({ vultr, operations, watches });
  const forward = createForwarder(vultr);
  const tables = [cloud, watching.handlers, health.handlers, createReflection(contract)];
  return {
    handlers: assignHandlers(contract, tables, { forward, raw: createRawHandler(vultr, resolve, forward) }),
    views: watching.views,
    watchedRead: createWatchedRead(operations),
  };
}

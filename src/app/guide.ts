import { systemClock } from '../base/clock.ts';
import type { RedisTarget } from '../base/redis.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readVersion } from '../config/version.ts';
import type { Figures } from '../figures/figures.ts';
import { openReplicaBoard } from '../figures/replicas.ts';
import type { ExtraRoute } from '../http/options.ts';
import { createContractRoutes } from '../http/routes/contract.ts';
import { createHomeRoute } from '../http/routes/home.ts';
import { createPageRoutes } from '../http/routes/pages.ts';
import { createServiceRoutes, type Phase, type Readiness } from '../http/routes/service.ts';
import { createStatusRoute } from '../http/routes/status.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { VultrClient } from '../vultr/client.ts';
import type { StageState } from '../vultr/stages.ts';
import type { Watches } from '../watch/watches.ts';
import type { OpenedIdempotency } from './idempotency.ts';
import type { OpenedCallers } from './opened-callers.ts';
import { createStatusReader } from './status.ts';

/** What the guide tells about. */
export interface GuideOptions {
  readonly config: ServeConfig;
  readonly upstreamUrl: string;
  readonly access: Pick<OpenedCallers, 'guard' | 'recognise'>;
  readonly metrics: Metrics;
  readonly figures: Figures;
  readonly client: VultrClient;
  readonly watches: Watches;
  /** Where replicas meet; undefined: there is no Redis. */
  readonly redis: RedisTarget | undefined;
  readonly idempotency: Pick<OpenedIdempotency, 'isAvailable'>;
}

/** What tells people and programs where they are, what there is to call and what is going on. */
export interface Guide extends Disposable {
  routes(phase: () => Phase): ReadonlyMap<string, ExtraRoute>;
}

/** Makes the guide. Disposing of it ends the streams of those who follow the status. */
export function createGuide({
  config,
  upstreamUrl,
  access,
  idempotency,
  metrics,
  redis,
  ...sources
}: GuideOptions): Guide {
  const { client } = sources;
  const version = readVersion();
  const upstream = config.upstream === 'sandbox' ? 'sandbox' : upstreamUrl;
  const hasCallers = config.callersFile !== undefined;
  const replicas =
    redis === undefined || config.httpListen === undefined
      ? undefined
      : openReplicaBoard({ redis, upstream, version });
  const closing = new AbortController();
  const security = {
    isOptional: config.apiKey !== undefined && !hasCallers,
    hasClientCertificates: config.tlsClientCa !== undefined,
  };
  const scheme = config.tlsCert === undefined ? 'http' : 'https';
  return {
    routes: (phase) => {
      const isRecording = (): boolean => idempotency.isAvailable();
      const read = createStatusReader({ ...sources, config, upstream, replicas, phase, isRecording });
      const { guard, recognise } = access;
      return new Map([
        ...createServiceRoutes(() => readinessOf(phase(), client.state(), isRecording()), metrics, guard),
        ['/', createHomeRoute({ version, upstream, hasCallers, scheme, recognise })],
        ['/status', createStatusRoute({ read, guard, clock: systemClock, closing: closing.signal })],
        ...createPageRoutes(),
        ...createContractRoutes({ version, security }, guard),
      ]);
    },
    [Symbol.dispose]: () => {
      closing.abort();
      replicas?.close();
    },
  };
}

/**
 * What `/readyz` reports. A fault at Vultr or Redis is reported, but is no reason to take the service out of rotation: it
 * copes.
 */
function readinessOf(phase: Phase, { budget, breaker }: StageState, isRecording: boolean): Readiness {
  return {
    phase,
    details: {
      ...(budget !== undefined && { budget: budget.kind }),
      ...(breaker !== undefined && { breaker_changes: breaker.changes, breaker_reads: breaker.reads }),
      idempotency: isRecording ? 'available' : 'unavailable',
    },
  };
}

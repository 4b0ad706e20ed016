import type { RedisTarget } from '../base/redis.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readVersion } from '../config/version.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BeginSpan } from '../telemetry/trace.ts';
import { createVultrClient, type VultrClient } from '../vultr/client.ts';
import { watchExchanges } from '../vultr/exchange.ts';
import type { VultrObserver } from '../vultr/observe.ts';
import type { StageOptions } from '../vultr/stages.ts';
import { createVultrTelemetry } from '../vultr/telemetry.ts';

/** The upstream of the service: Vultr, or the sandbox in its place. */
export interface Upstream {
  readonly client: VultrClient;
  /** Its base URL. */
  readonly url: string;
  close(): Promise<void>;
}

/** What it is started with. */
export interface UpstreamContext {
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Undefined: nothing is traced. */
  readonly beginSpan: BeginSpan | undefined;
  readonly tls: StageOptions['tls'];
  /** Where replicas share the budget; undefined: they do not. */
  readonly redis: RedisTarget | undefined;
  /** Called with what the stages do, as log and metrics are. */
  readonly observe: VultrObserver;
}

/** Opens the way to Vultr, with the stages that the settings ask for. Rejects when the sandbox cannot start. */
export async function startUpstream(context: UpstreamContext): Promise<Upstream> {
  const { config, log, metrics, beginSpan, tls, redis, observe } = context;
  const { meter } = metrics;
  const sandbox = config.upstream === 'sandbox' ? await openSandbox(config.sandboxSpeed) : undefined;
  const url = sandbox?.url ?? String(config.upstream).replace(/\/+$/, '');
  const telemetry = createVultrTelemetry(log, meter, () => client.state());
  const { rate, cacheFreshMs } = config;
  const client: VultrClient = createVultrClient({
    baseUrl: url,
    userAgent: `vultr-grpc/${readVersion()}`,
    tls,
    observe: (event) => {
      telemetry.observe(event);
      observe(event);
    },
    exchange: watchExchanges({
      meter,
      baseUrl: url,
      beginSpan,
      isTraceSent: config.isTraceSent,
    }),
    breaker: {},
    singleflight: {},
    ...(rate !== undefined && {
      budget: {
        ratePerSecond: rate,
        reserve: config.reserve,
        burst: config.burst,
        replicas: config.replicas,
        ...(redis !== undefined && { redis }),
      },
    }),
    ...(cacheFreshMs !== undefined && {
      cache: {
        onRefreshFailed: telemetry.onRefreshFailed,
        limits: { freshMs: cacheFreshMs, keepMs: config.cacheKeepMs },
      },
    }),
  });
  return {
    client,
    url,
    close: async () => {
      await client.close();
      await sandbox?.close();
    },
  };
}

/** The sandbox is loaded only where it is used: it is a sixth of the service's code. */
async function openSandbox(timeScale: number) {
  const { startSandbox } = await import('../sandbox/index.ts');
  return await startSandbox({ timeScale });
}

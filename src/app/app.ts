import { reachableAddress } from '../config/access-faults.ts';
import type { Environment } from '../config/read.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readBundledContract } from '../contract/bundled.ts';
import { loadContract } from '../contract/load.ts';
import { createHealth } from '../grpc/health.ts';
import { createServiceRoutes, type Readiness } from '../http/service-routes.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import type { Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createResolver } from '../v2/resolve.ts';
import { renewCredentials } from '../vultr/renew-credential.ts';
import type { StageState } from '../vultr/stages.ts';
import { openCallers } from './callers.ts';
import { openIdempotency } from './idempotency.ts';
import { createServers } from './servers.ts';
import { createServices } from './services.ts';
import { openTls } from './tls.ts';
import { startUpstream } from './upstream.ts';
import { createWatches } from './watches.ts';

/** The running service. */
export interface App {
  /** `host:port` */
  readonly grpcAddress: string;
  /** `host:port`; undefined when the HTTP side is off. */
  readonly httpAddress: string | undefined;
  /** The base URL of what is asked. */
  readonly upstreamUrl: string;
  /** Opens the audit log anew, after somebody has renamed it for rotation. */
  reopenAuditLog(): void;
  /** Takes no new calls, lets those under way end within the configured grace, then cuts them. */
  close(): Promise<void>;
}

/** What the service finds around it. */
export interface Surroundings {
  /** The variables that accounts of the callers file may name. Default: none. */
  readonly env?: Environment;
  /** How many lines of the log have been dropped, for the metrics. */
  readonly droppedLogLines?: () => number;
}

/** How much later than the default deadline a caller may ask for. */
const MAX_TIMEOUT_FACTOR = 10;

/**
 * Starts the service. Every part is put on one stack as soon as it stands, and the stack is what stops them, the last one
 * first. Rejects, with everything stopped again, when a part cannot start.
 */
export async function startApp(
  config: ServeConfig,
  log: Logger,
  { env = {}, droppedLogLines = () => 0 }: Surroundings = {},
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const metrics = createMetrics(droppedLogLines);
  warnOfExposure(config, log);
  const tls = openTls(config, log, metrics);
  stack.use(tls);
  const upstream = await startUpstream(config, log, metrics, tls.upstream);
  stack.defer(() => upstream.close());
  const { client } = upstream;

  const contract = loadContract(await readBundledContract());
  const operations = [...contract.operations.values()];
  const vultr = await openIdempotency(config, log, metrics, renewCredentials(client));
  stack.defer(() => vultr.close());

  const health = createHealth([...new Set(operations.map(({ service }) => service))]);
  const resolveVultr = createResolver(contract);
  const watches = createWatches(config, metrics, renewCredentials(client), client.state, resolveVultr);
  const services = createServices({ contract, vultr, watches, health, resolveVultr });
  const access = openCallers({
    config,
    log,
    metrics,
    env,
    contract,
    vultr: client,
    resolveVultr,
    watchedOperation: services.watchedOperation,
  });
  stack.defer(() => access.close());
  const pipeline = createPipeline({
    handlers: services.handlers,
    views: services.views,
    openAdmission: access.openAdmission,
    log,
    metrics,
    unaryTimeoutMs: { default: config.callTimeoutMs, max: config.callTimeoutMs * MAX_TIMEOUT_FACTOR },
    streamTimeoutMs: { default: config.watchTimeoutMs, max: config.watchTimeoutMs },
  });

  const readiness = (isReady: boolean): Readiness =>
    readinessOf(isReady, client.state(), vultr.isAvailable());
  const servers = createServers(config, health, pipeline);
  stack.defer(() => servers.stop());
  const { grpcAddress, httpAddress } = await servers.start({
    operations,
    resolveVultr,
    tls: tls.server,
    extraRoutes: (isReady) => createServiceRoutes(() => readiness(isReady()), metrics, access.guard),
    registry: metrics.registry,
  });

  const running = stack.move();
  return {
    grpcAddress,
    httpAddress,
    upstreamUrl: upstream.url,
    reopenAuditLog: access.reopenAuditLog,
    close: () => running.disposeAsync(),
  };
}

function warnOfExposure(config: ServeConfig, log: Logger): void {
  const address = reachableAddress(config);
  if (address === undefined) return;
  if (config.callersFile === undefined)
    log.warn({ address }, 'ALLOW_ANONYMOUS=on: everybody who can reach this address may call');
  if (config.tlsCert === undefined)
    log.warn({ address }, 'PLAINTEXT=on: calls to this address are not encrypted by the service');
}

/** What `/readyz` tells. A fault at Vultr or Redis is told and no reason to take the service out: it copes. */
function readinessOf(isReady: boolean, { budget, breaker }: StageState, isRecording: boolean): Readiness {
  return {
    isReady,
    details: {
      ...(budget !== undefined && { budget: budget.kind }),
      ...(breaker !== undefined && { breaker_changes: breaker.changes, breaker_reads: breaker.reads }),
      idempotency: isRecording ? 'available' : 'unavailable',
    },
  };
}

import { reachableAddress } from '../config/access-faults.ts';
import type { Environment } from '../config/read.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readVersion } from '../config/version.ts';
import { readBundledContract } from '../contract/bundled.ts';
import { loadContract } from '../contract/load.ts';
import { createHealth } from '../grpc/health.ts';
import { createContractRoutes } from '../http/contract-routes.ts';
import { createHomeRoute } from '../http/home.ts';
import type { ExtraRoute } from '../http/options.ts';
import { createServiceRoutes, type GuardRoute, type Readiness } from '../http/service-routes.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import type { Logger } from '../telemetry/log.ts';
import { createResolver } from '../v2/resolve.ts';
import { renewCredentials } from '../vultr/renew-credential.ts';
import type { StageState } from '../vultr/stages.ts';
import { openCallers } from './callers.ts';
import { openIdempotency } from './idempotency.ts';
import { createServers } from './servers.ts';
import { createServices } from './services.ts';
import { openTelemetry } from './telemetry.ts';
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
  /** Opens the audit log anew, after somebody has renamed it for rotation; undefined: there is no audit log. */
  readonly reopenAuditLog: (() => void) | undefined;
  /** Takes no new calls, lets those under way end within the configured grace, then cuts them. */
  close(): Promise<void>;
}

/** What the service finds around it. */
export interface Surroundings {
  /** The variables of OpenTelemetry, and those that accounts of the callers file may name. Default: none. */
  readonly env?: Environment;
  /** Told of each variable that holds a secret which no setting names, once it is read. Default: nothing happens. */
  readonly onSecretVariable?: (name: string) => void;
  /** How many lines of the log have been dropped, for the metrics. */
  readonly droppedLogLines?: () => number;
}

/** How much later than the default deadline a caller may ask for. */
const MAX_TIMEOUT_FACTOR = 10;

/**
 * Starts the service. Every part is put on one stack as soon as it has started, and the stack stops them, the last one first.
 * Rejects, with everything stopped again, when a part cannot start.
 */
export async function startApp(
  config: ServeConfig,
  log: Logger,
  { env = {}, onSecretVariable = () => undefined, droppedLogLines = () => 0 }: Surroundings = {},
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(await openTelemetry({ env, log, droppedLogLines, onSecretVariable }));
  const { metrics, beginSpan } = telemetry;
  warnOfExposure(config, log);
  const tls = stack.use(openTls(config, log, metrics));
  const upstream = await startUpstream(config, log, telemetry, tls.upstream);
  stack.defer(() => upstream.close());
  const { client } = upstream;
  const renewing = renewCredentials(client);

  const contract = loadContract(await readBundledContract());
  const operations = [...contract.operations.values()];
  const vultr = await openIdempotency(config, log, metrics, renewing);
  stack.defer(() => vultr.close());

  const health = createHealth([...new Set(operations.map(({ service }) => service))]);
  const resolveVultr = createResolver(contract);
  const watches = createWatches(config, metrics, renewing, client.state, resolveVultr);
  const services = createServices({ contract, vultr, watches, health, resolveVultr });
  const access = openCallers({
    config,
    log,
    metrics,
    env,
    onSecretVariable,
    contract,
    vultr: client,
    resolveVultr,
    watchedRead: services.watchedRead,
  });
  stack.defer(() => access.close());
  const pipeline = createPipeline({
    handlers: services.handlers,
    views: services.views,
    openAdmission: access.openAdmission,
    log,
    metrics,
    beginSpan,
    ...timeoutsOf(config),
  });

  const readiness = (isReady: boolean) => readinessOf(isReady, client.state(), vultr.isAvailable());
  const servers = createServers(config, health, pipeline);
  stack.defer(() => servers.stop());
  const { grpcAddress, httpAddress } = await servers.start({
    operations,
    resolveVultr,
    tls: tls.server,
    extraRoutes: (isReady) =>
      new Map([
        ...createServiceRoutes(() => readiness(isReady()), metrics, access.guard),
        ...createGuideRoutes(config, upstream.url, access.guard),
      ]),
    meter: metrics.meter,
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

/** What tells a caller where it is, which is open to everybody, and what there is to call. */
function createGuideRoutes(
  config: ServeConfig,
  upstreamUrl: string,
  guard: GuardRoute,
): ReadonlyMap<string, ExtraRoute> {
  const version = readVersion();
  const security = {
    isOptional: config.apiKey !== undefined && config.callersFile === undefined,
    hasClientCertificates: config.tlsClientCa !== undefined,
  };
  return new Map([
    [
      '/',
      createHomeRoute({
        version,
        upstream: config.upstream === 'sandbox' ? 'sandbox' : upstreamUrl,
        scheme: config.tlsCert === undefined ? 'http' : 'https',
      }),
    ],
    ...createContractRoutes({ version, security }, guard),
  ]);
}

/** How long calls may last whose callers named no deadline, and at most. */
function timeoutsOf({ callTimeoutMs, watchTimeoutMs }: ServeConfig) {
  return {
    unaryTimeoutMs: { default: callTimeoutMs, max: callTimeoutMs * MAX_TIMEOUT_FACTOR },
    streamTimeoutMs: { default: watchTimeoutMs, max: watchTimeoutMs },
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

/**
 * What `/readyz` reports. A fault at Vultr or Redis is reported, but is no reason to take the service out of rotation: it
 * copes.
 */
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

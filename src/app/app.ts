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
import { createServiceRoutes, type GuardRoute, type Phase, type Readiness } from '../http/service-routes.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import type { Logger } from '../telemetry/log.ts';
import { createResolver } from '../v2/resolve.ts';
import { renewCredentials } from '../vultr/renew-credential.ts';
import type { StageState } from '../vultr/stages.ts';
import { openCallers } from './callers.ts';
import { openIdempotency } from './idempotency.ts';
import { redisTarget } from './redis.ts';
import { createServers } from './servers.ts';
import { createServices } from './services.ts';
import { openShedder } from './shedder.ts';
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
  /** The base URL of Vultr, or of the sandbox in its place. */
  readonly upstreamUrl: string;
  /** Reopens the audit log after it was renamed for rotation; undefined: there is no audit log. */
  readonly reopenAuditLog: (() => Promise<void>) | undefined;
  /** Takes no new calls, lets those in progress end within the configured grace, then cuts them off. */
  close(): Promise<void>;
}

/** The surroundings of the service. */
export interface Surroundings {
  /** The variables of OpenTelemetry, and those that accounts of the callers file may name. Default: none. */
  readonly env?: Environment;
  /** Told of each variable that holds a secret which no setting names, once it is read. Default: nothing happens. */
  readonly onSecretVariable?: (name: string) => void;
  /** How many lines of the log have been dropped, for the metrics. */
  readonly droppedLogLines?: () => number;
}

/** How far beyond the default deadline a caller may go. */
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
  const { metrics, beginSpan } = stack.use(
    await openTelemetry({ env, log, droppedLogLines, onSecretVariable }),
  );
  warnOfExposure(config, log);
  const tls = stack.use(await openTls(config, log, metrics));
  const redis = redisTarget(config, log, metrics, tls.redis);
  const context = { config, log, metrics, redis };
  const upstream = await startUpstream({ ...context, beginSpan, tls: tls.upstream });
  stack.defer(() => upstream.close());
  const { client } = upstream;
  const renewing = renewCredentials(client);
  const contract = loadContract(await readBundledContract());
  const operations = [...contract.operations.values()];
  const vultr = await openIdempotency({ ...context, vultr: renewing });
  stack.defer(() => vultr.close());

  const health = createHealth([...new Set(operations.map(({ service }) => service))]);
  const resolveVultr = createResolver(contract);
  const watches = createWatches(config, metrics, renewing, client.state, resolveVultr);
  const services = createServices({ contract, vultr, watches, health, resolveVultr });
  const access = await openCallers({
    ...context,
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

  const readiness = (phase: Phase): Readiness => readinessOf(phase, client.state(), vultr.isAvailable());
  const servers = createServers(config, health, pipeline);
  stack.defer(() => servers.stop());
  const addresses = await servers.start({
    operations,
    resolveVultr,
    tls: tls.server,
    shedder: openShedder(config, log, metrics),
    extraRoutes: (phase) =>
      new Map([
        ...createServiceRoutes(() => readiness(phase()), metrics, access.guard),
        ...createGuideRoutes(config, upstream.url, access.guard),
      ]),
    meter: metrics.meter,
  });

  const running = stack.move();
  return {
    ...addresses,
    upstreamUrl: upstream.url,
    reopenAuditLog: access.reopenAuditLog,
    close: () => running.disposeAsync(),
  };
}

/** Pages that show a caller what this is, open to everybody, and what there is to call. */
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

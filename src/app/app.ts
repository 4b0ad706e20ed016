import { systemClock } from '../base/clock.ts';
import { reachableAddress } from '../config/access-faults.ts';
import type { Environment } from '../config/read.ts';
import type { ServeConfig } from '../config/settings.ts';
import { readBundledContract } from '../contract/bundled.ts';
import { loadContract } from '../contract/load.ts';
import { Figures } from '../figures/figures.ts';
import { createHealth } from '../grpc/health.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createResolver } from '../v2/resolve.ts';
import type { VultrObserver } from '../vultr/observe.ts';
import { renewCredentials } from '../vultr/renew-credential.ts';
import { openCallers } from './callers.ts';
import { createGuide } from './guide.ts';
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
    await openTelemetry({ env, log, isTraceSent: config.isTraceSent, droppedLogLines, onSecretVariable }),
  );
  const figures = new Figures(systemClock.now);
  warnOfExposure(config, log);
  const tls = stack.use(await openTls(config, log, metrics));
  const redis = redisTarget(config, log, metrics, tls.redis);
  const context = { config, log, metrics, redis };
  const observe: VultrObserver = (event) => figures.observe(event);
  const upstream = await startUpstream({ ...context, beginSpan, tls: tls.upstream, observe });
  stack.defer(() => upstream.close());
  const { client } = upstream;
  const renewing = renewCredentials(client);
  // It opens in a thread of its own, while the contract is compiled. Whatever becomes of that, it is closed.
  const opening = openIdempotency({ ...context, vultr: renewing });
  const closing = opening.then(
    (opened) => () => opened.close(),
    () => async () => undefined,
  );
  stack.defer(async () => (await closing)());
  const contract = loadContract(await readBundledContract());
  const vultr = await opening;
  const operations = [...contract.operations.values()];

  const health = createHealth([...new Set(operations.map(({ service }) => service))]);
  const resolveVultr = createResolver(contract);
  const watches = createWatches(config, metrics, renewing, client.state, resolveVultr);
  const services = createServices({ contract, vultr, watches, health, resolveVultr });
  const { watchedRead } = services;
  const named = { ...context, env, onSecretVariable, contract, vultr: client, resolveVultr, watchedRead };
  const access = await openCallers(named);
  stack.defer(() => access.close());
  const pipeline = createPipeline({
    handlers: services.handlers,
    views: services.views,
    openAdmission: access.openAdmission,
    log,
    metrics: recordBoth(metrics, figures),
    beginSpan,
    ...timeoutsOf(config),
  });

  const servers = createServers(config, health, pipeline);
  stack.defer(() => servers.stop());
  const sources = { ...context, figures, client, watches, idempotency: vultr };
  const guide = stack.use(createGuide({ ...sources, upstreamUrl: upstream.url, access }));
  const addresses = await servers.start({
    operations,
    resolveVultr,
    tls: tls.server,
    shedder: openShedder(config, log, metrics),
    extraRoutes: guide.routes,
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

/** Has the numbers for Prometheus and the figures for people count the same calls. */
function recordBoth(metrics: Metrics, figures: Figures): Metrics {
  return {
    ...metrics,
    recordCall: (record, isKnown) => {
      metrics.recordCall(record, isKnown);
      figures.recordCall(record, isKnown);
    },
    beginCall: () => {
      const endOfOne = metrics.beginCall();
      const endOfOther = figures.beginCall();
      return () => {
        endOfOne();
        endOfOther();
      };
    },
  };
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

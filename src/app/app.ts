import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { createCloudService } from '../cloud/service.ts';
import { formatListen } from '../config/parsers.ts';
import type { ServeConfig } from '../config/settings.ts';
import { loadContract } from '../contract/load.ts';
import { createHealth, type Health } from '../grpc/health.ts';
import { createReflection } from '../grpc/reflection.ts';
import { startGrpcServer } from '../grpc/server.ts';
import { allowedHosts } from '../http/browser-guard.ts';
import { startHttpServer } from '../http/server.ts';
import { createServiceRoutes, type Readiness } from '../http/service-routes.ts';
import { createPipeline, type Pipeline } from '../pipeline/pipeline.ts';
import type { Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createForwarder } from '../v2/forward.ts';
import { createRawHandler } from '../v2/raw.ts';
import { createResolver } from '../v2/resolve.ts';
import type { StageState } from '../vultr/stages.ts';
import { assignHandlers } from './handlers.ts';
import { openIdempotency } from './idempotency.ts';
import { startUpstream } from './upstream.ts';

/** The running service. */
export interface App {
  /** `host:port` */
  readonly grpcAddress: string;
  /** `host:port`; undefined when the HTTP side is off. */
  readonly httpAddress: string | undefined;
  /** The base URL of what is asked. */
  readonly upstreamUrl: string;
  /** Takes no new calls, lets those under way end within the configured grace, then cuts them. */
  close(): Promise<void>;
}

/** Bounds that nobody has had to change yet. */
const GRPC_LIMITS = { maxMessageBytes: 4 * 1024 * 1024, maxConcurrentStreams: 1_000 };

/** How long callers whose time is up at shutdown have to take the response that says so, before they are cut off. */
const LAST_WORD_MS = 500;

/** How much later than the default deadline a caller may ask for. */
const MAX_TIMEOUT_FACTOR = 10;

/**
 * Starts the service. Every part is put on one stack as soon as it has started, and the stack stops them, the last one first.
 * Rejects, with everything stopped again, when a part cannot start.
 * @param droppedLogLines how many lines of the log have been dropped, for the metrics
 */
export async function startApp(
  config: ServeConfig,
  log: Logger,
  droppedLogLines: () => number = () => 0,
): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const metrics = createMetrics(droppedLogLines);
  const upstream = await startUpstream(config, log, metrics);
  stack.defer(() => upstream.close());
  const { client } = upstream;

  const contract = loadContract(await readFile(new URL('../gen/contract.binpb', import.meta.url)));
  const operations = [...contract.operations.values()];
  const vultr = await openIdempotency(config, log, metrics, client);
  stack.defer(() => vultr.close());

  const health = createHealth([...new Set(operations.map(({ service }) => service))]);
  const resolveVultr = createResolver(contract);
  const forward = createForwarder(vultr);
  const cloud = createCloudService({
    vultr,
    operations: contract.operations,
    watchIntervalMs: config.watchIntervalMs,
  });
  const pipeline = createPipeline({
    handlers: assignHandlers(contract, [cloud, health.handlers, createReflection(contract)], {
      forward,
      raw: createRawHandler(vultr, resolveVultr, forward),
    }),
    serviceKey: config.apiKey,
    log,
    metrics,
    unaryTimeoutMs: { default: config.callTimeoutMs, max: config.callTimeoutMs * MAX_TIMEOUT_FACTOR },
    streamTimeoutMs: { default: config.watchTimeoutMs, max: config.watchTimeoutMs },
  });

  const serving: Serving = { isReady: false, health, pipeline, servers: [] };
  stack.defer(() => stopServing(serving, config.shutdownGraceMs));
  const grpc = await startGrpcServer({
    operations,
    dispatcher: pipeline,
    listen: config.grpcListen,
    limits: GRPC_LIMITS,
  });
  serving.servers.push(grpc);
  const readiness = (): Readiness => readinessOf(serving.isReady, client.state(), vultr.isAvailable());
  const http =
    config.httpListen === undefined
      ? undefined
      : await startHttpServer({
          operations,
          resolveVultr,
          dispatcher: pipeline,
          listen: config.httpListen,
          extraRoutes: createServiceRoutes(readiness, metrics),
          corsOrigins: config.corsOrigins,
          allowedHosts: allowedHosts(config.httpListen, config.allowedHosts),
          registry: metrics.registry,
        });
  if (http !== undefined) serving.servers.push(http);
  setReady(serving, true);

  const running = stack.move();
  return {
    grpcAddress: formatListen(grpc),
    httpAddress: http === undefined ? undefined : formatListen(http),
    upstreamUrl: upstream.url,
    close: () => running.disposeAsync(),
  };
}

/** What takes calls. */
interface Serving {
  isReady: boolean;
  readonly health: Health;
  readonly pipeline: Pipeline;
  readonly servers: { close(graceMs: number): Promise<void> }[];
}

function setReady(serving: Serving, isReady: boolean): void {
  serving.isReady = isReady;
  serving.health.setServing(isReady);
}

/** Both transports at once, since they share the grace. */
async function stopServing(serving: Serving, graceMs: number): Promise<void> {
  const { pipeline, servers } = serving;
  setReady(serving, false);
  // Whoever watches the health hears of it before the stream ends.
  await setImmediate();
  pipeline.abortStreams();
  const outOfTime = setTimeout(() => pipeline.abortAll(), graceMs);
  await Promise.all(servers.map((server) => server.close(graceMs + LAST_WORD_MS)));
  clearTimeout(outOfTime);
  pipeline.abortAll();
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

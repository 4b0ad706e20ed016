import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { createCloudService } from '../cloud/service.ts';
import { loadContract } from '../contract/load.ts';
import { createHealth } from '../grpc/health.ts';
import { createReflection } from '../grpc/reflection.ts';
import { startGrpcServer } from '../grpc/server.ts';
import { assignHandlers } from './handlers.ts';
import { startHttpServer } from '../http/server.ts';
import { createServiceRoutes, type Readiness } from '../http/service-routes.ts';
import { openCreations } from './idempotency.ts';
import { createPipeline } from '../pipeline/pipeline.ts';
import { formatListen } from '../config/parsers.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { startUpstream } from './upstream.ts';
import type { VultrClientState } from '../vultr/client.ts';
import { createForwarder } from '../v2/forward.ts';

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

/** How long callers whose time is up at shutdown have to take the answer that says so, before they are cut off. */
const LAST_WORD_MS = 500;

/** How much later than the default deadline a caller may ask for. */
const MAX_TIMEOUT_FACTOR = 10;

/** Starts the service. Rejects, with everything closed again, when a part of it cannot start. */
export async function startApp(config: ServeConfig, log: Logger): Promise<App> {
  const opened: (() => Promise<void>)[] = [];
  let isServing = false;
  try {
    const metrics = createMetrics();
    const upstream = await startUpstream(config, log, metrics);
    opened.push(() => upstream.close());
    const { send, state } = upstream.client;

    const contract = loadContract(readFileSync(new URL('../gen/contract.binpb', import.meta.url)));
    const operations = [...contract.operations.values()];
    const health = createHealth([...new Set(operations.map(({ service }) => service))]);
    const creations = openCreations(config, log, send, operations);
    opened.push(() => creations.close());
    const cloud = createCloudService({ send, ask: creations.ask, watchIntervalMs: config.watchIntervalMs });
    const tables = [cloud, health.handlers, createReflection(contract)];
    const pipeline = createPipeline({
      handlers: assignHandlers(contract, tables, createForwarder(send, creations.ask)),
      serviceKey: config.apiKey,
      log,
      metrics,
      unaryTimeoutMs: { default: config.callTimeoutMs, max: config.callTimeoutMs * MAX_TIMEOUT_FACTOR },
      streamTimeoutMs: { default: config.watchTimeoutMs, max: config.watchTimeoutMs },
    });

    const grpc = await startGrpcServer({
      operations,
      dispatcher: pipeline,
      listen: config.grpcListen,
      limits: GRPC_LIMITS,
    });
    opened.push(() => grpc.close(config.shutdownGraceMs));
    const http =
      config.httpListen === undefined
        ? undefined
        : await startHttpServer({
            operations,
            dispatcher: pipeline,
            listen: config.httpListen,
            extraRoutes: createServiceRoutes(() => readinessOf(isServing, state()), metrics),
            catalogueFreshMs: config.cacheFreshMs ?? 0,
          });
    if (http !== undefined) opened.push(() => http.close(config.shutdownGraceMs));
    const setServing = (serving: boolean): void => {
      isServing = serving;
      health.setServing(serving);
    };
    setServing(true);

    return {
      grpcAddress: formatListen(grpc),
      httpAddress: http === undefined ? undefined : formatListen(http),
      upstreamUrl: upstream.url,
      close: async () => {
        setServing(false);
        // Whoever watches the health hears of it before the stream ends.
        await setImmediate();
        pipeline.abortStreams();
        const outOfTime = setTimeout(() => pipeline.abortAll(), config.shutdownGraceMs);
        const cutAfterMs = config.shutdownGraceMs + LAST_WORD_MS;
        await Promise.all([grpc.close(cutAfterMs), http?.close(cutAfterMs)]);
        clearTimeout(outOfTime);
        pipeline.abortAll();
        await creations.close();
        await upstream.close();
      },
    };
  } catch (error) {
    for (const close of opened.reverse()) await close();
    throw error;
  }
}

/** What `/readyz` tells. A fault at Vultr or Redis is told and no reason to take the service out: it copes. */
function readinessOf(isReady: boolean, { budget, breaker }: VultrClientState): Readiness {
  return {
    isReady,
    details: {
      ...(budget !== undefined && { budget: budget.kind }),
      ...(breaker !== undefined && { breaker_changes: breaker.changes, breaker_reads: breaker.reads }),
    },
  };
}

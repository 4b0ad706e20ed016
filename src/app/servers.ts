import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { ServerTls } from '../access/server-tls.ts';
import { reachableAddress } from '../config/access-faults.ts';
import { formatListen, type ListenAddress } from '../config/parsers.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Operation } from '../contract/operation.ts';
import type { Health } from '../grpc/health.ts';
import { startGrpcServer } from '../grpc/server.ts';
import { allowedHosts } from '../http/browser-guard.ts';
import type { ExtraRoute } from '../http/options.ts';
import type { Phase } from '../http/routes/service.ts';
import { startHttpServer } from '../http/server.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Shedder } from '../pipeline/shedder.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { ResolveOperation } from '../v2/resolve.ts';

/** The parts that the servers need. */
export interface Offer {
  readonly operations: readonly Operation[];
  readonly resolveVultr: ResolveOperation;
  readonly tls: ServerTls | undefined;
  readonly shedder: Shedder;
  /** Creates the routes of the HTTP side that are not operations. */
  readonly extraRoutes: (phase: () => Phase) => ReadonlyMap<string, ExtraRoute>;
  readonly meter: Meter;
}

/** Where the servers listen, as `host:port`. */
export interface Addresses {
  readonly grpcAddress: string;
  /** Undefined: the HTTP side is off. */
  readonly httpAddress: string | undefined;
}

/** Both transports, which start and stop together. */
export interface Servers {
  /** Rejects when one of them cannot listen. The other one then listens until stop() is called. */
  start(offer: Offer): Promise<Addresses>;
  /**
   * Says that it is not ready, and takes calls for as long as others need to learn it. Then it takes no new calls, lets those
   * in progress end within the configured grace, and cuts off the rest.
   */
  stop(): Promise<void>;
}

/** How long callers who are out of time at shutdown have to take the response that says so, before they are cut off. */
const LAST_WORD_MS = 500;

/** Creates the servers, which pass all calls to the pipeline. */
export function createServers(config: ServeConfig, health: Health, pipeline: Pipeline): Servers {
  const running: { drain?(): void; close(graceMs: number): Promise<void> }[] = [];
  let phase: Phase = 'starting';

  function enter(next: Phase): void {
    phase = next;
    health.setServing(next === 'ready');
  }

  return {
    start: async ({ extraRoutes, ...offer }) => {
      const { grpcListen, httpListen } = config;
      const grpc = await startGrpcServer({
        ...offer,
        dispatcher: pipeline,
        listen: grpcListen,
        limits: { connectionIdleMs: config.grpcIdleTimeoutMs },
        life: connectionLife(config),
      });
      running.push(grpc);
      const http =
        httpListen === undefined
          ? undefined
          : await startHttpServer({
              ...offer,
              dispatcher: pipeline,
              listen: httpListen,
              limits: { keepAliveTimeoutMs: config.httpIdleTimeoutMs },
              life: connectionLife(config),
              extraRoutes: extraRoutes(() => phase),
              corsOrigins: config.corsOrigins,
              allowedHosts: allowedHostsOf(config, httpListen),
            });
      if (http !== undefined) running.push(http);
      enter('ready');
      return {
        grpcAddress: formatListen(grpc),
        httpAddress: http === undefined ? undefined : formatListen(http),
      };
    },
    stop: async () => {
      const wasReady = phase === 'ready';
      enter('draining');
      // Watchers of the health learn of it before their streams end.
      await setImmediate();
      const drainMs = drainDelayOf(config);
      if (wasReady && drainMs > 0) {
        for (const server of running) server.drain?.();
        await delay(drainMs);
      }
      pipeline.abortStreams();
      const { shutdownGraceMs: graceMs } = config;
      const outOfTime = setTimeout(() => pipeline.abortAll(), graceMs);
      await Promise.all(running.map((server) => server.close(graceMs + LAST_WORD_MS)));
      clearTimeout(outOfTime);
      pipeline.abortAll();
    },
  };
}

function connectionLife(config: ServeConfig) {
  return {
    maxAgeMs: config.maxConnectionAgeMs,
    ageGraceMs: config.maxConnectionAgeGraceMs,
    keepaliveTimeMs: config.keepaliveTimeMs,
    keepaliveTimeoutMs: config.keepaliveTimeoutMs,
    keepaliveMinTimeMs: config.keepaliveMinTimeMs,
  };
}

/** How long it takes by default until nobody sends calls any more to a service that says that it is not ready. */
const DRAIN_MS = 5_000;

/** On loopback nobody stands in front, and somebody at a terminal wants it to end. */
function drainDelayOf(config: ServeConfig): number {
  return config.drainDelayMs ?? (reachableAddress(config) === undefined ? 0 : DRAIN_MS);
}

/**
 * Where callers prove themselves, a page whose host name points here (DNS rebinding) gets nothing, so host names are checked
 * only when some are configured.
 */
function allowedHostsOf(
  { callersFile, allowedHosts: given }: ServeConfig,
  listen: ListenAddress,
): ReadonlySet<string> | undefined {
  return callersFile !== undefined && given.length === 0 ? undefined : allowedHosts(listen, given);
}

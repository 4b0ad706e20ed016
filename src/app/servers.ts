import { setImmediate } from 'node:timers/promises';
import type { ServerTls } from '../access/server-tls.ts';
import { formatListen, type ListenAddress } from '../config/parsers.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Operation } from '../contract/operation.ts';
import type { Health } from '../grpc/health.ts';
import { startGrpcServer } from '../grpc/server.ts';
import { allowedHosts } from '../http/browser-guard.ts';
import type { ExtraRoute } from '../http/options.ts';
import { startHttpServer } from '../http/server.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { ResolveOperation } from '../v2/resolve.ts';

/** What the servers offer. */
export interface Offer {
  readonly operations: readonly Operation[];
  readonly resolveVultr: ResolveOperation;
  readonly tls: ServerTls | undefined;
  /** Makes the routes of the HTTP side that are no operations. */
  readonly extraRoutes: (isReady: () => boolean) => ReadonlyMap<string, ExtraRoute>;
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
  /** Rejects when one cannot listen; those that do listen until stop() is called. */
  start(offer: Offer): Promise<Addresses>;
  /** Takes no new calls, lets those under way end within the configured grace, then cuts them. */
  stop(): Promise<void>;
}

/** How long callers whose time is up at shutdown have to take the response that says so, before they are cut off. */
const LAST_WORD_MS = 500;

/** Makes the servers, which pass all calls to the pipeline. */
export function createServers(config: ServeConfig, health: Health, pipeline: Pipeline): Servers {
  const running: { close(graceMs: number): Promise<void> }[] = [];
  let isReady = false;

  function setReady(value: boolean): void {
    isReady = value;
    health.setServing(value);
  }

  return {
    start: async ({ extraRoutes, ...offer }) => {
      const { grpcListen, httpListen } = config;
      const grpc = await startGrpcServer({ ...offer, dispatcher: pipeline, listen: grpcListen });
      running.push(grpc);
      const http =
        httpListen === undefined
          ? undefined
          : await startHttpServer({
              ...offer,
              dispatcher: pipeline,
              listen: httpListen,
              extraRoutes: extraRoutes(() => isReady),
              corsOrigins: config.corsOrigins,
              allowedHosts: allowedHostsOf(config, httpListen),
            });
      if (http !== undefined) running.push(http);
      setReady(true);
      return {
        grpcAddress: formatListen(grpc),
        httpAddress: http === undefined ? undefined : formatListen(http),
      };
    },
    stop: async () => {
      setReady(false);
      // Whoever watches the health hears of it before the stream ends.
      await setImmediate();
      pipeline.abortStreams();
      const { shutdownGraceMs: graceMs } = config;
      const outOfTime = setTimeout(() => pipeline.abortAll(), graceMs);
      await Promise.all(running.map((server) => server.close(graceMs + LAST_WORD_MS)));
      clearTimeout(outOfTime);
      pipeline.abortAll();
    },
  };
}

/**
 * With callers who prove themselves, a page that lets its name point here gets nothing, so that the names need no check
 * unless some are given.
 */
function allowedHostsOf(
  { callersFile, allowedHosts: given }: ServeConfig,
  listen: ListenAddress,
): ReadonlySet<string> | undefined {
  return callersFile !== undefined && given.length === 0 ? undefined : allowedHosts(listen, given);
}

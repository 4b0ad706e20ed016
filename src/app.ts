import { readFileSync } from 'node:fs';
import { createCloudService } from './cloud/service.ts';
import { formatListen, type ServeConfig } from './config.ts';
import type { Handler } from './contract/call.ts';
import { type Contract, loadContract } from './contract/load.ts';
import { createHealth } from './grpc/health.ts';
import { createReflection } from './grpc/reflection.ts';
import { startGrpcServer } from './grpc/server.ts';
import { createHealthRoutes } from './http/health-routes.ts';
import { startHttpServer } from './http/server.ts';
import { createPipeline } from './pipeline/pipeline.ts';
import { startSandbox } from './sandbox/index.ts';
import type { Logger } from './telemetry/log.ts';
import { createVultrClient } from './vultr/client.ts';
import { createForwarder } from './vultr/forward.ts';

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

/** How much later than the default deadline a caller may ask for. */
const MAX_TIMEOUT_FACTOR = 10;

/** Starts the service. Rejects, with everything closed again, when a part of it cannot start. */
export async function startApp(config: ServeConfig, log: Logger): Promise<App> {
  const opened: (() => Promise<void>)[] = [];
  let isServing = false;
  try {
    const sandbox =
      config.upstream === 'sandbox' ? await startSandbox({ timeScale: config.sandboxSpeed }) : undefined;
    if (sandbox !== undefined) opened.push(() => sandbox.close());
    const upstreamUrl = sandbox?.url ?? String(config.upstream).replace(/\/+$/, '');

    const client = createVultrClient({ baseUrl: upstreamUrl, userAgent: `vultr-grpc/${readVersion()}` });
    opened.push(() => client.close());

    const contract = loadContract(readFileSync(new URL('./gen/contract.binpb', import.meta.url)));
    const health = createHealth(servicesOf(contract));
    const pipeline = createPipeline({
      handlers: handlersOf(
        contract,
        [
          createCloudService({ send: client.send, watchIntervalMs: config.watchIntervalMs }),
          health.handlers,
          createReflection(contract),
        ],
        createForwarder(client.send),
      ),
      serviceKey: config.apiKey,
      log,
      unaryTimeoutMs: { default: config.callTimeoutMs, max: config.callTimeoutMs * MAX_TIMEOUT_FACTOR },
      streamTimeoutMs: { default: config.watchTimeoutMs, max: config.watchTimeoutMs },
    });

    const operations = [...contract.operations.values()];
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
            extraRoutes: createHealthRoutes(() => ({ isReady: isServing, details: {} })),
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
      upstreamUrl,
      close: async () => {
        setServing(false);
        pipeline.abortStreams();
        await Promise.all([grpc.close(config.shutdownGraceMs), http?.close(config.shutdownGraceMs)]);
        pipeline.abortAll();
        await client.close();
        await sandbox?.close();
      },
    };
  } catch (error) {
    for (const close of opened.reverse()) await close();
    throw error;
  }
}

/** The version of this package. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function servicesOf(contract: Contract): string[] {
  return [...new Set([...contract.operations.values()].map(({ service }) => service))];
}

/**
 * A handler for every operation: its own, or, for vultr.v2, the one that forwards.
 * @throws Error that names an operation without a handler, or a handler without an operation
 */
function handlersOf(
  contract: Contract,
  tables: readonly ReadonlyMap<string, Handler>[],
  forward: Extract<Handler, { kind: 'unary' }>['handle'],
): ReadonlyMap<string, Handler> {
  const handlers = new Map(tables.flatMap((table) => [...table]));
  for (const name of handlers.keys()) {
    if (!contract.operations.has(name))
      throw new Error(`There is a handler for ${name}, which is not in the contract.`);
  }
  for (const { name, service } of contract.operations.values()) {
    if (service.startsWith('vultr.v2.')) handlers.set(name, { kind: 'unary', handle: forward });
    if (!handlers.has(name)) throw new Error(`${name} is in the contract and nothing serves it.`);
  }
  return handlers;
}

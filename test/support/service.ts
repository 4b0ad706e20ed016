import { type App, type Surroundings, startApp } from '../../src/app/app.ts';
import { readServeConfig } from '../../src/config/read.ts';
import type { ServeConfig } from '../../src/config/settings.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { type CloudClient, connectCloud } from './cloud-client.ts';
import { type CollectedLog, collectLog } from './collected-log.ts';
import { closeAtEnd } from './opened.ts';

/** A key that the sandbox takes. It is easy to find where it must not be. */
export const KEY = 'KEY-THAT-MUST-NOT-LEAK-0123456789';

/** The service, running, with what a test needs around it. */
export interface TestService {
  readonly app: App;
  readonly log: CollectedLog;
  /** A client that sends KEY as `authorization`. */
  readonly client: CloudClient;
}

/** The settings of a service under test: free ports, quick watches, no HTTP side, no budget, no cache. */
export function testConfig(settings: Partial<ServeConfig>): ServeConfig {
  return {
    ...readServeConfig(['--grpc', '127.0.0.1:0', '--http', 'off'], {}),
    watchIntervalMs: 10,
    rate: undefined,
    stateDir: undefined,
    cacheFreshMs: undefined,
    shutdownGraceMs: 1_000,
    // The machine that runs the tests is busier than the service makes it.
    shedDelayMs: undefined,
    ...settings,
  };
}

/** Starts the service in front of an upstream. It is closed when the test ends. */
export async function startService(
  settings: Partial<ServeConfig>,
  surroundings: Surroundings = {},
): Promise<TestService> {
  const log = collectLog();
  const app = await startApp(testConfig(settings), log.log, surroundings);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= app.close();
    return closing;
  };
  closeAtEnd(close);
  return { app: { ...app, close }, log, client: connectCloud(app.grpcAddress, KEY) };
}

/** Starts the service in front of a sandbox of its own, which has no rate limit. */
export async function startOnSandbox(
  settings: Partial<ServeConfig> = {},
  options: SandboxOptions = {},
  surroundings: Surroundings = {},
): Promise<TestService & { readonly sandbox: Sandbox }> {
  const sandbox = await startSandbox({ rateLimitPerSecond: 0, seed: 7, ...options });
  closeAtEnd(() => sandbox.close());
  const service = await startService({ upstream: new URL(sandbox.url), ...settings }, surroundings);
  return { ...service, sandbox };
}

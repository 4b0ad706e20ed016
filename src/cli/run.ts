import { startApp } from '../app/app.ts';
import { ConfigError, readServeConfig } from '../config/read.ts';
import { readSandboxConfig } from '../config/sandbox.ts';
import { readVersion } from '../config/version.ts';
import { startSandbox } from '../sandbox/index.ts';
import { createLogger, type Logger } from '../telemetry/log.ts';
import { openApiUsage, printOpenApi, printProtoset, protosetUsage } from './contract.ts';
import { sandboxUsage, serveUsage, usage } from './usage.ts';

/** Exit codes: 0 well, 1 it failed, 2 it was called wrongly. */
const FAILED = 1;
const CALLED_WRONGLY = 2;

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === '--version' || command === '-v') return print(readVersion());
  if (command === undefined || command === 'help' || isHelp(command)) return print(usage());
  if (command === 'serve') return rest.some(isHelp) ? print(serveUsage()) : serve(rest);
  if (command === 'sandbox') return rest.some(isHelp) ? print(sandboxUsage()) : sandbox(rest);
  if (command === 'openapi') return rest.some(isHelp) ? print(openApiUsage()) : printOpenApi(rest);
  if (command === 'protoset') return rest.some(isHelp) ? print(protosetUsage()) : printProtoset(rest);
  throw new ConfigError(`${JSON.stringify(command)} is no command of vultr-grpc; see vultr-grpc --help`);
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

async function serve(args: readonly string[]): Promise<void> {
  const config = readServeConfig(args, process.env);
  const format = config.logFormat === 'auto' ? (process.stderr.isTTY ? 'text' : 'json') : config.logFormat;
  const log = createLogger({ level: config.logLevel, format });
  const app = await startApp(config, log);
  const upstream =
    config.upstream === 'sandbox' ? `the embedded sandbox at ${app.upstreamUrl}` : app.upstreamUrl;
  const http = app.httpAddress === undefined ? 'off' : `http://${app.httpAddress}`;
  // Before it says that it is ready: whoever waits for that may end it at once.
  closeOnSignal(() => app.close(), log);
  print(`vultr-grpc ready: gRPC ${app.grpcAddress}, HTTP ${http}, upstream ${upstream}`);
}

async function sandbox(args: readonly string[]): Promise<void> {
  const running = await startSandbox(readSandboxConfig(args));
  closeOnSignal(() => running.close(), createLogger({ level: 'info', format: 'text' }));
  print(`vultr-grpc sandbox ready: ${running.url}`);
}

/** Ends the process well on the first SIGINT or SIGTERM, at once on the second. */
function closeOnSignal(close: () => Promise<void>, log: Logger): void {
  let isClosing = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isClosing) process.exit(FAILED);
      isClosing = true;
      log.info({ signal }, 'stopping');
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ cause: String(error) }, 'stopping failed');
          process.exit(FAILED);
        },
      );
    });
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Runs the command line. A command that serves goes on after this has resolved.
 * @param args what stands behind the program's name
 */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await main(args);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isUsage = error instanceof ConfigError || code.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`vultr-grpc: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(isUsage ? CALLED_WRONGLY : FAILED);
  }
}

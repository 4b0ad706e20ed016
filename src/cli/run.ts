import { isatty } from 'node:tty';
import { startApp } from '../app/app.ts';
import { listening } from '../app/listening.ts';
import { ConfigError, readServeConfig } from '../config/read.ts';
import { readSandboxConfig } from '../config/sandbox.ts';
import { forgetSecrets, secretsOf } from '../config/secrets.ts';
import { readVersion } from '../config/version.ts';
import { startSandbox } from '../sandbox/index.ts';
import { createProcessLog } from '../telemetry/log.ts';
import { closeOnSignal, endOnFault, ignoreSignals } from './signals.ts';
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
  throw new ConfigError(`${JSON.stringify(command)} is no command of vultr-grpc; see vultr-grpc --help`);
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

async function serve(args: readonly string[]): Promise<void> {
  const config = readServeConfig(args, process.env);
  forgetSecrets(process.env);
  // Not process.stderr.isTTY: that would make standard error non-blocking for every process that shares it.
  const format = config.logFormat === 'auto' ? (isatty(2) ? 'text' : 'json') : config.logFormat;
  const processLog = createProcessLog({ level: config.logLevel, format, secrets: secretsOf(config) });
  endOnFault(processLog);
  const app = await startApp(config, processLog.log, processLog.dropped);
  const upstream =
    config.upstream === 'sandbox' ? `the embedded sandbox at ${app.upstreamUrl}` : app.upstreamUrl;
  const http = app.httpAddress === undefined ? 'off' : `http://${app.httpAddress}`;
  // Before it says that it is ready: whoever waits for that may end it at once.
  closeOnSignal(() => app.close(), processLog);
  print(`vultr-grpc ready: gRPC ${app.grpcAddress}, HTTP ${http}, upstream ${upstream}`);
}

async function sandbox(args: readonly string[]): Promise<void> {
  const config = readSandboxConfig(args);
  const running = await listening('--listen', config.listen, startSandbox(config));
  closeOnSignal(() => running.close(), createProcessLog({ level: 'info', format: 'text' }));
  print(`vultr-grpc sandbox ready: ${running.url}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Runs the command line. A command that serves goes on after this has resolved.
 * @param args what stands behind the program's name
 */
export async function run(args: readonly string[]): Promise<void> {
  ignoreSignals();
  try {
    await main(args);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isUsage = error instanceof ConfigError || code.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`vultr-grpc: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(isUsage ? CALLED_WRONGLY : FAILED);
  }
}

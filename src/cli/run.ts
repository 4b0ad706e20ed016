import { isatty } from 'node:tty';
import { startApp } from '../app/app.ts';
import { formatListen } from '../config/parsers.ts';
import {
  ConfigError,
  type Environment,
  readSandboxConfig,
  readServeConfig,
  takeEnvironment,
} from '../config/read.ts';
import { secretsOf } from '../config/secrets.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../config/settings.ts';
import { readVersion } from '../config/version.ts';
import { createProcessLog } from '../telemetry/log.ts';
import { suggest } from '../transcoding/suggest.ts';
import { openApiUsage, printOpenApi, printProtoset, protosetUsage } from './contract.ts';
import { closeOnSignal, endOnFault, ignoreSignals } from './signals.ts';
import { explainStart, type ListenSetting } from './start-error.ts';
import { policyUsage, sandboxUsage, serveUsage, tokenUsage, usage } from './usage.ts';

/** Exit codes: 1 when a command fails, 2 when it is called wrongly. */
const FAILED = 1;
const CALLED_WRONGLY = 2;

/** The arguments that ask for a text. */
const HELP = ['help', '--help', '-h'];
const VERSION = ['--version', '-v'];

/** A command with its usage text. Running it resolves once it is done, or serves. */
interface Command {
  readonly usage: () => string;
  readonly start: (args: readonly string[], env: Environment, onServing: () => void) => Promise<void>;
}

const COMMANDS = new Map<string, Command>([
  ['serve', { usage: serveUsage, start: serve }],
  ['sandbox', { usage: sandboxUsage, start: sandbox }],
  ['token', { usage: tokenUsage, start: printToken }],
  ['openapi', { usage: openApiUsage, start: printOpenApi }],
  ['protoset', { usage: protosetUsage, start: printProtoset }],
  ['policy', { usage: policyUsage, start: printPolicy }],
]);

async function serve(args: readonly string[], env: Environment, onServing: () => void): Promise<void> {
  const config = readServeConfig(args, env);
  // Not process.stderr.isTTY: that would make standard error non-blocking for every process that shares it.
  const format = config.logFormat === 'auto' ? (isatty(2) ? 'text' : 'json') : config.logFormat;
  const processLog = createProcessLog({ level: config.logLevel, format, secrets: secretsOf(config) });
  endOnFault(processLog);
  const surroundings = {
    env,
    // Like other secrets, they are not for child processes and diagnostic reports.
    onSecretVariable: (name: string) => void delete process.env[name],
    droppedLogLines: processLog.dropped,
  };
  const app = await started(startApp(config, processLog.log, surroundings), [
    { setting: SERVE_SETTINGS.grpcListen, address: config.grpcListen },
    { setting: SERVE_SETTINGS.httpListen, address: config.httpListen },
  ]);
  const upstream =
    config.upstream === 'sandbox' ? `the embedded sandbox at ${app.upstreamUrl}` : app.upstreamUrl;
  const scheme = config.tlsCert === undefined ? 'http' : 'https';
  const http = app.httpAddress === undefined ? 'off' : `${scheme}://${app.httpAddress}`;
  // Before the ready line: whoever waits for that line may send a signal at once.
  closeOnSignal(() => app.close(), processLog, app.reopenAuditLog);
  onServing();
  print(`vultr-grpc ready: gRPC ${app.grpcAddress}, HTTP ${http}, upstream ${upstream}`);
}

async function sandbox(args: readonly string[], env: Environment): Promise<void> {
  const { listen, timeScale } = readSandboxConfig(args, env);
  const { startSandbox } = await import('../sandbox/index.ts');
  const running = await started(startSandbox({ listen: formatListen(listen), timeScale }), [
    { setting: SANDBOX_SETTINGS.listen, address: listen },
  ]);
  closeOnSignal(() => running.close(), createProcessLog({ level: 'info', format: 'text' }));
  print(`vultr-grpc sandbox ready: ${running.url}`);
}

async function printToken(args: readonly string[]): Promise<void> {
  const { token } = await import('./token.ts');
  token(args).forEach(print);
}

async function printPolicy(args: readonly string[], env: Environment): Promise<void> {
  const { policy } = await import('./policy.ts');
  const { lines, exitCode } = await policy(args, env);
  lines.forEach(print);
  process.exitCode = exitCode;
}

async function started<T>(starting: Promise<T>, listens: readonly ListenSetting[]): Promise<T> {
  try {
    return await starting;
  } catch (cause) {
    throw new Error(explainStart(cause, listens), { cause });
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function unknownCommand(name: string): ConfigError {
  const near = suggest(name, COMMANDS.keys());
  const hint = near === undefined ? 'See vultr-grpc --help.' : `Did you mean ${near}?`;
  return new ConfigError(`There is no command ${JSON.stringify(name)}. ${hint}`);
}

async function main(
  [name = 'help', ...args]: readonly string[],
  env: Environment,
  onServing: () => void,
): Promise<void> {
  if (VERSION.includes(name)) return print(readVersion());
  if (HELP.includes(name)) return print(usage());
  const command = COMMANDS.get(name);
  if (command === undefined) throw unknownCommand(name);
  if (args.some((argument) => argument === '--help' || argument === '-h')) return print(command.usage());
  await command.start(args, env, onServing);
}

/**
 * Runs the command line. A command that serves goes on after this has resolved.
 * @param args what follows the program's name
 * @param env the environment of the process; its secrets are removed from it
 * @param onServing called when the service has started, before it says so. Default: nothing happens
 */
export async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onServing: () => void = () => undefined,
): Promise<void> {
  const environment = takeEnvironment(env);
  process.report.excludeEnv = true;
  ignoreSignals();
  try {
    await main(args, environment, onServing);
  } catch (error) {
    process.stderr.write(`vultr-grpc: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof ConfigError ? CALLED_WRONGLY : FAILED);
  }
}

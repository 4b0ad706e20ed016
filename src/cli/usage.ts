import type { Setting } from '../config/setting.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../config/settings.ts';

/** The text of `vultr-grpc --help`. */
export function usage(): string {
  return `vultr-grpc: the Vultr cloud as a gRPC service, and the same calls over HTTP/JSON

  vultr-grpc serve [flags]     the service, on the Vultr API
  vultr-grpc sandbox [flags]   an imitation of the Vultr API, for tests
  vultr-grpc token             makes a virtual key for a caller
  vultr-grpc policy <command>  list, check: who may do what, by a callers file
  vultr-grpc --version
  vultr-grpc <command> --help`;
}

/** The text of `vultr-grpc serve --help`. */
export function serveUsage(): string {
  return commandUsage('vultr-grpc serve: the service, on the Vultr API.', SERVE_SETTINGS);
}

/** The text of `vultr-grpc sandbox --help`. */
export function sandboxUsage(): string {
  return commandUsage(
    'vultr-grpc sandbox: an imitation of the Vultr API, in memory, for tests.',
    SANDBOX_SETTINGS,
  );
}

function commandUsage(title: string, settings: Readonly<Record<string, Setting<unknown>>>): string {
  const rows = Object.values(settings).map(({ flag, env, default: byDefault, help }) => ({
    flag: flag === undefined ? '' : `--${flag}`,
    env,
    help: byDefault === undefined ? help : `${help} (default ${byDefault})`,
  }));
  const flagWidth = Math.max(...rows.map(({ flag }) => flag.length));
  const envWidth = Math.max(...rows.map(({ env }) => env.length));
  const lines = rows.map(
    ({ flag, env, help }) => `  ${flag.padEnd(flagWidth)}  ${env.padEnd(envWidth)}  ${help}`,
  );
  return `${title} A flag beats its environment variable.\n\n${lines.join('\n')}`;
}

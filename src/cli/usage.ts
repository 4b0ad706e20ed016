import type { Setting } from '../config/setting.ts';
import { SANDBOX_SETTINGS, SERVE_SETTINGS } from '../config/settings.ts';

/** The text of `vultr-grpc --help`. */
export function usage(): string {
  return `vultr-grpc: the Vultr cloud as a gRPC service, and the same calls over HTTP/JSON

  vultr-grpc serve [flags]     the service, on the Vultr API
  vultr-grpc sandbox [flags]   an imitation of the Vultr API, for tests
  vultr-grpc token             makes a virtual key for a caller
  vultr-grpc policy <command>  list, check: who may do what, by a callers file
  vultr-grpc openapi [flags]   the HTTP side as an OpenAPI 3.1 document
  vultr-grpc protoset          the contract as a FileDescriptorSet, for generators of clients
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

/** The text of `vultr-grpc token --help`. */
export function tokenUsage(): string {
  return `vultr-grpc token: makes a virtual key for a caller, and the line for the callers file

  The key is shown this once and stored nowhere. The callers file holds its SHA-256 digest.`;
}

/** The text of `vultr-grpc policy --help`. */
export function policyUsage(): string {
  return `vultr-grpc policy list: who may do what, by the callers file
vultr-grpc policy check: whether a caller may call a method, and by which rule; exits with 1 when it may not

  --callers-file  CALLERS_FILE  the callers file
  --caller                      check: the name of a caller
  --method                      check: the full name of a method: package.Service/Method
  --request                     check: a file with the request as JSON, for rules that depend on its fields`;
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

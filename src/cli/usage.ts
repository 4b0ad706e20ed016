import { SETTINGS } from '../config/settings.ts';

/** The text of `vultr-grpc --help`. */
export function usage(): string {
  return `vultr-grpc: the Vultr cloud as a gRPC service, and the same calls over HTTP/JSON

  vultr-grpc serve [flags]     the service on the Vultr API
  vultr-grpc sandbox [flags]   an imitation of the Vultr API, for tests
  vultr-grpc openapi [flags]   the HTTP side as an OpenAPI 3.1 document
  vultr-grpc protoset          the contract as a FileDescriptorSet, for generators of clients
  vultr-grpc --version
  vultr-grpc <command> --help`;
}

/** The text of `vultr-grpc serve --help`: every setting. */
export function serveUsage(): string {
  const rows = Object.values<{ env: string; flag?: string; default: string | undefined; help: string }>(
    SETTINGS,
  ).map(({ env, flag, default: byDefault, help }) => [
    flag === undefined ? '' : `--${flag}`,
    env,
    byDefault === undefined ? help : `${help} (default ${byDefault})`,
  ]);
  return `vultr-grpc serve: the service on the Vultr API. A flag beats its environment variable.\n\n${table(rows)}`;
}

/** The text of `vultr-grpc sandbox --help`. */
export function sandboxUsage(): string {
  return `vultr-grpc sandbox: an imitation of the Vultr API, in memory, for tests

${table([
  ['--listen', '', 'address to listen on (default 127.0.0.1:8080); port 0 is any free one'],
  ['--speed', '', 'how many times faster than real time it lives (default 1)'],
])}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows
    .map(([flag = '', env = '', help = '']) => `  ${flag.padEnd(width(0))}  ${env.padEnd(width(1))}  ${help}`)
    .join('\n');
}

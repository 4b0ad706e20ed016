import { parseArgs } from 'node:util';
import { ConfigError } from '../config/read.ts';
import { readVersion } from '../config/version.ts';

/** The text of `vultr-grpc openapi --help`. */
export function openApiUsage(): string {
  return `vultr-grpc openapi: the HTTP side as an OpenAPI 3.1 document, on stdout

  --format  json or yaml (default json)`;
}

/** The text of `vultr-grpc protoset --help`. */
export function protosetUsage(): string {
  return `vultr-grpc protoset: the contract as a google.protobuf.FileDescriptorSet with all imports, on stdout

  vultr-grpc protoset > contract.binpb
  buf generate contract.binpb --template buf.gen.yaml`;
}

/**
 * Prints the OpenAPI document.
 * @throws ConfigError when the arguments are wrong
 */
export async function printOpenApi(args: readonly string[]): Promise<void> {
  const format = readOptions(args, { format: { type: 'string' } })['format'] ?? 'json';
  if (format !== 'json' && format !== 'yaml') throw new ConfigError('--format must be json or yaml.');
  const { renderOpenApi } = await import('../openapi/render.ts');
  await write(await renderOpenApi(format, { version: readVersion() }));
}

/**
 * Prints the contract.
 * @throws ConfigError when there are arguments
 */
export async function printProtoset(args: readonly string[]): Promise<void> {
  readOptions(args, {});
  const { readBundledContract } = await import('../contract/bundled.ts');
  await write(await readBundledContract());
}

function readOptions(
  args: readonly string[],
  options: Readonly<Record<string, { readonly type: 'string' }>>,
): Readonly<Record<string, unknown>> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (cause) {
    throw new ConfigError(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Resolves when all of it is out: a pipe takes it in parts. Whoever stops reading early has had enough. */
async function write(output: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' ? resolve() : reject(error),
    );
    process.stdout.write(output, () => resolve());
  });
}

import { createVirtualKey } from '../access/virtual-key.ts';
import { ConfigError } from '../config/read.ts';

/**
 * Makes a virtual key.
 * @returns the lines to print
 * @throws ConfigError when there are arguments
 */
export function token(args: readonly string[]): readonly string[] {
  if (args.length > 0) throw new ConfigError('vultr-grpc token takes no arguments.');
  const { key, sha256 } = createVirtualKey();
  return [`key:               ${key}`, `callers file, is:  - token_sha256: ${sha256}`];
}

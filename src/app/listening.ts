import { formatListen, type ListenAddress } from '../config/parsers.ts';
import type { Setting } from '../config/settings.ts';

/** What the system's error codes mean for somebody who chooses an address. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'is in use by another program'],
  ['EACCES', 'may not be used by this user'],
  ['EADDRNOTAVAIL', 'is not an address of this machine'],
  ['ENOTFOUND', 'names a host that is not known'],
]);

/**
 * Waits until a server listens.
 * @throws Error that names the flag and the variable to change when it cannot listen at its address
 */
export async function listening<Server>(
  { flag = '', env }: Setting<unknown>,
  address: ListenAddress,
  server: Promise<Server>,
): Promise<Server> {
  try {
    return await server;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const [code, meaning] = [...MEANINGS].find(([each]) => text.includes(each)) ?? [];
    if (code === undefined) throw cause;
    throw new Error(
      `${formatListen(address)} ${meaning} (${code}). Choose another address with --${flag} or ${env}.`,
      { cause },
    );
  }
}

/** What the system's error codes mean for somebody who chooses an address. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'is in use by another program'],
  ['EACCES', 'may not be used by this user'],
  ['EADDRNOTAVAIL', 'is not an address of this machine'],
  ['ENOTFOUND', 'names a host that is not known'],
]);

/**
 * Waits until a server listens.
 * @param setting how another address is chosen, such as `--http or HTTP_LISTEN`
 * @param address `host:port`
 * @throws Error that names the setting when the server cannot listen at the address
 */
export async function listening<Server>(
  setting: string,
  address: string,
  server: Promise<Server>,
): Promise<Server> {
  try {
    return await server;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const [code, meaning] = [...MEANINGS].find(([each]) => text.includes(each)) ?? [];
    if (code === undefined) throw cause;
    throw new Error(`${address} ${meaning} (${code}). Choose another address with ${setting}.`, { cause });
  }
}

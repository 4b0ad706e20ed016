import type { Socket } from 'node:net';

/** The address of a caller, for the log: `127.0.0.1:40312`, `[::1]:40312`. */
export function formatPeer({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

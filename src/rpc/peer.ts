import type { Socket } from 'node:net';

/** The address of a caller, for the log: `127.0.0.1:40312`, `[::1]:40312`. */
export function formatPeer({
  remoteAddress = 'unknown',
  remotePort = 0,
}: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** The address alone of what formatPeer has written: `127.0.0.1`, `::1`. */
export function peerAddress(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

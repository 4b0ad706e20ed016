import type { Socket } from 'node:net';

/** Where a request goes, as it came: nothing is decoded or folded. */
export interface Target {
  readonly path: string;
  /** Without the question mark; "" when there is none. */
  readonly query: string;
}

/** The absolute form of RFC 9112, section 3.2.2, which every server has to take. */
const ABSOLUTE = /^https?:\/\/[^/?]*/i;

/**
 * Splits a request target at its first question mark. `new URL` would not do: it folds `..` and `%2e%2e`, and takes the
 * first segment of `//a/b` for a host.
 */
export function parseTarget(target: string): Target {
  const local = target.startsWith('/') ? target : target.replace(ABSOLUTE, '');
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : local.slice(mark + 1) };
}

/** The address of a caller, for the log: `127.0.0.1:40312`, `[::1]:40312`. */
export function formatPeer({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

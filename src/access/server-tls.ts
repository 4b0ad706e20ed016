import type { Socket } from 'node:net';
import type { Server, TlsOptions } from 'node:tls';
import { type ClientCertificates, tlsServerOptions } from './tls-files.ts';
import type { TlsProvider } from './tls-reload.ts';

/** TLS for the servers of the service. */
export interface ServerTls {
  /**
   * What a server is made with.
   * @param protocols what it speaks, for ALPN, the one that it prefers first
   */
  options(protocols: readonly ('h2' | 'http/1.1')[]): TlsOptions;
  /** Call this with every server created with these options: it gives the server new certificates, and bounds its handshakes. */
  attend(server: Server): void;
}

/** How long a handshake may take. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The most concurrent handshakes on one server; the oldest makes room for a new one. */
const MAX_HANDSHAKES = 200;

/**
 * Creates it from certificates that follow their files.
 * @param onHandshakeFailed called for each handshake that has failed
 */
export function createServerTls(
  provider: Pick<TlsProvider, 'current' | 'follow'>,
  clients: ClientCertificates,
  onHandshakeFailed: () => void,
): ServerTls {
  return {
    options: (protocols) => ({
      ...tlsServerOptions(provider.current, clients, protocols),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }),
    attend: (server) => {
      provider.follow(server);
      server.on('tlsClientError', onHandshakeFailed);
      boundHandshakes(server);
    },
  };
}

/** Clients that connect and stay silent must not keep out those that speak. */
function boundHandshakes(server: Server): void {
  const open = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    const [oldest] = open;
    if (oldest !== undefined && open.size >= MAX_HANDSHAKES) {
      open.delete(oldest[0]);
      oldest[1].destroy();
    }
    open.set(name, socket);
    socket.once('close', () => {
      if (open.get(name) === socket) open.delete(name);
    });
  });
  // Node does not tell which connection is below a TLS socket, but both have the same remote end.
  server.on('secureConnection', (socket) => open.delete(nameOf(socket)));
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

import type { Socket } from 'node:net';
import type { Server, TlsOptions } from 'node:tls';
import { type ClientCertificates, tlsServerOptions } from './tls-files.ts';
import type { TlsProvider } from './tls-reload.ts';

/** TLS for the servers of the service. */
export interface ServerTls {
  /**
   * What a server is made with.
   * @param protocol what it speaks, for ALPN
   */
  options(protocol: 'h2' | 'http/1.1'): TlsOptions;
  /** To be called with every server made so: gives it new certificates, and bounds its handshakes. */
  attend(server: Server): void;
}

/** How long a handshake may take. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The most handshakes at a time on one server; the oldest gives way to a new one. */
const MAX_HANDSHAKES = 200;

/**
 * Makes it from certificates that follow their files.
 * @param onHandshakeFailed called for each that did
 */
export function createServerTls(
  provider: Pick<TlsProvider, 'current' | 'follow'>,
  clients: ClientCertificates,
  onHandshakeFailed: () => void,
): ServerTls {
  return {
    options: (protocol) => ({
      ...tlsServerOptions(provider.current, clients, [protocol]),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    }),
    attend: (server) => {
      provider.follow(server);
      server.on('tlsClientError', onHandshakeFailed);
      boundHandshakes(server);
    },
  };
}

/** Whoever connects and says nothing must not take the place of those who do. */
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
  // Node does not say which connection a TLS socket stands on; their other end is the same.
  server.on('secureConnection', (socket) => open.delete(nameOf(socket)));
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

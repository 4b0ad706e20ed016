import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ServerTls } from '../access/server-tls.ts';
import { acceptWaiting } from '../base/accept-waiting.ts';
import { trackSockets } from '../base/open-sockets.ts';

/** Where connections come in. */
export interface Listener {
  readonly port: number;
  /** Takes no new connections. Resolves, after at most `maxMs`, once those that were already waiting have been accepted. */
  stop(maxMs: number): Promise<void>;
  /** Resolves once it has stopped and every connection has ended. */
  readonly ended: Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

/** Where to listen, and for how much. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The most connections at a time; more are closed as they come. */
  readonly maxSockets: number;
  /** Undefined: plain text. */
  readonly tls?: ServerTls | undefined;
}

/**
 * Listens, and keeps track of the connections. grpc-js does not expose them, and its forceShutdown only half-closes those
 * that tryShutdown has begun to close: a caller who does not read would hold up the end for ever.
 * @param onConnection takes each connection, before anything is read from it; with TLS, once its handshake is done
 * @throws Error when it cannot listen there
 */
export async function listen(
  { host, port, maxSockets, tls }: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const server = tls === undefined ? createServer(onConnection) : createSecureServer(tls, onConnection);
  const ended = new Promise<void>((resolve) => server.once('close', resolve));
  const sockets = trackSockets(server);
  server.maxConnections = maxSockets;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new Error(describe(host, port, cause), { cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    stop: async (maxMs) => {
      await acceptWaiting(server, maxMs);
      server.close();
    },
    ended,
    cut: () => sockets.cut(),
  };
}

function createSecureServer(tls: ServerTls, onConnection: (socket: Socket) => void): Server {
  const server = createTlsServer(tls.options(['h2']), onConnection);
  tls.attend(server);
  return server;
}

/** What is wrong with an address, and where to change it. */
function describe(host: string, port: number, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const text = cause instanceof Error ? cause.message : String(cause);
  const why = code === 'EADDRINUSE' ? 'the address is already in use' : text;
  return `The gRPC side cannot listen on ${host}:${port}: ${why}. Choose another address with --grpc or GRPC_LISTEN.`;
}

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** Where connections come in. */
export interface Listener {
  readonly port: number;
  /** Takes no new connections. Resolves once those that are open have ended. */
  stop(): Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

/**
 * Listens, and keeps account of the connections. grpc-js gives none out, and its forceShutdown only half-closes those that
 * tryShutdown has begun to close: a caller who does not read would hold up the end for ever.
 * @param onConnection takes each connection; it has to be done before anything is read
 * @throws Error when it cannot listen there
 */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The gRPC side cannot listen: ${text}`, { cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

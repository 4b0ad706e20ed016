import type { Server, Socket } from 'node:net';

/** The connections of a listener that are open. */
export interface OpenSockets {
  /** Ends every one at once. */
  cut(): void;
}

/**
 * Keeps track of the connections of a listener from their very beginning. Node's own `closeAllConnections` leaves out those whose TLS
 * handshake is not over, and the listener does not close before they do.
 */
export function trackSockets(server: Server): OpenSockets {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    cut: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

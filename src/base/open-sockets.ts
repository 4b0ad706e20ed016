import type { Server, Socket } from 'node:net';

/** The connections of a listener that are open. */
export interface OpenSockets {
  /** Ends every one at once, and whichever still comes. */
  cut(): void;
}

/**
 * Keeps track of the connections of a listener from the moment they are accepted. Node's own `closeAllConnections` misses those
 * that are still in their TLS handshake, and the listener does not close until they have ended.
 */
export function trackSockets(server: Server): OpenSockets {
  const open = new Set<Socket>();
  let isCut = false;
  server.on('connection', (socket: Socket) => {
    if (isCut) socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    cut: () => {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
  };
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { trackSockets } from '../../src/base/open-sockets.ts';
import { closeAtEnd } from '../support/opened.ts';

test('a cut ends the connections that are open and those that come after it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  closeAtEnd(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets = trackSockets(server);
  const open = async (): Promise<{ readonly closed: Promise<unknown> }> => {
    const socket = connect(port, '127.0.0.1').resume();
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await Promise.all([once(server, 'connection'), once(socket, 'connect')]);
    return { closed };
  };
  const before = await open();
  sockets.cut();
  await before.closed;
  const after = await open();
  await after.closed;
  expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
});

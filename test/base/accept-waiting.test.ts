import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { acceptWaiting } from '../../src/base/accept-waiting.ts';
import { makeConnections } from '../support/backlog.ts';
import { closeAtEnd } from '../support/opened.ts';

/** A server that greets, and what became of so many connections to it, of which it has accepted none yet. */
async function startGreeter(count: number): Promise<{ server: Server; outcomes: Promise<string>[] }> {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const outcomes = Array.from({ length: count }, () => greetingOf(port));
  await makeConnections();
  return { server, outcomes };
}

function greetingOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    closeAtEnd(() => socket.destroy());
    socket.once('data', (bytes) => resolve(bytes.toString()));
    socket.once('error', (error: Error & { code?: string }) => resolve(error.code ?? ''));
    socket.once('end', () => resolve('ended'));
  });
}

test('a listener that is closed after it has let in all who wait resets none of them', async () => {
  const { server, outcomes } = await startGreeter(50);
  await acceptWaiting(server, 10_000);
  server.close();
  expect(await Promise.all(outcomes)).toEqual(Array(50).fill('hello'));
});

test('it would have reset them', async () => {
  const { server, outcomes } = await startGreeter(50);
  server.close();
  expect(await Promise.all(outcomes)).toContain('ECONNRESET');
});

test('those who never stop connecting do not keep it open', async () => {
  const { server } = await startGreeter(1);
  const { port } = server.address() as AddressInfo;
  let isOpen = true;
  const connectAgain = (): void => {
    const socket = connect(port, '127.0.0.1', () => socket.destroy());
    socket.on('error', () => undefined);
    if (isOpen) setImmediate(connectAgain);
  };
  connectAgain();
  await acceptWaiting(server, 10_000);
  isOpen = false;
  server.close();
  await once(server, 'close');
});

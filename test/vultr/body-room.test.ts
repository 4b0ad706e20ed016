import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { BodyRoom } from '../../src/vultr/body-room.ts';
import { createTransport } from '../../src/vultr/transport.ts';
import { closeAtEnd } from '../support/opened.ts';
import { context, request } from '../support/vultr.ts';

test('bodies have room up to the bound, and those behind wait in their order', async () => {
  const room = new BodyRoom(100);
  const [first, second, third] = [room.open(), room.open(), room.open()];
  expect(first.take(60)).toBeUndefined();
  expect(second.take(40)).toBeUndefined();
  const order: string[] = [];
  const waits = [
    second.take(30)?.then(() => order.push('second')),
    third.take(10)?.then(() => order.push('third')),
  ];
  expect(room.held).toBe(100);
  first.release();
  await Promise.all(waits);
  expect([order, room.held]).toEqual([['second', 'third'], 80]);
});

test('the oldest body never waits, so that not all of them wait for each other', async () => {
  const room = new BodyRoom(100);
  const [first, second] = [room.open(), room.open()];
  expect([first.take(50), second.take(50)]).toEqual([undefined, undefined]);
  const waiting = second.take(50);
  expect(waiting).toBeInstanceOf(Promise);
  expect(first.take(200)).toBeUndefined();
  first.release();
  await waiting;
  expect(room.held).toBe(100);
  second.release();
  second.release();
  expect(room.held).toBe(0);
});

test('a body that is given up while it waits leaves its room to others', async () => {
  const room = new BodyRoom(100);
  const [first, second, third] = [room.open(), room.open(), room.open()];
  first.take(100);
  void second.take(10);
  const waiting = third.take(100);
  second.release();
  first.release();
  await waiting;
  expect(room.held).toBe(100);
});

/** A server whose responses a test writes. */
async function openUpstream() {
  const responses: ServerResponse[] = [];
  let wake = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    responses.push(response);
    wake.resolve();
    wake = Promise.withResolvers();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closeAtEnd(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const transport = createTransport({
    baseUrl: `http://127.0.0.1:${port}`,
    userAgent: 'test',
    limits: { maxReadingBytes: 1_000 },
  });
  closeAtEnd(() => transport.close());
  const send = async (signal = new AbortController().signal) => {
    const before = responses.length;
    const reply = transport.send(request(), context(10_000, signal));
    reply.catch(() => undefined);
    while (responses.length === before) await wake.promise;
    return { reply, response: responses[before] as ServerResponse };
  };
  return { send };
}

test('a response waits while others hold the room, and comes whole', async () => {
  const { send } = await openUpstream();
  const first = await send();
  first.response.write('a'.repeat(900));
  const second = await send();
  second.response.end('b'.repeat(900));
  const early = await Promise.race([
    second.reply,
    new Promise((resolve) => setTimeout(resolve, 100, 'waits')),
  ]);
  expect(early).toBe('waits');
  first.response.end('a'.repeat(900));
  expect((await first.reply).body).toHaveLength(1_800);
  expect((await second.reply).body).toHaveLength(900);
});

test('a caller that leaves while its response waits does not wait on', async () => {
  const { send } = await openUpstream();
  const first = await send();
  first.response.write('a'.repeat(900));
  const controller = new AbortController();
  const second = await send(controller.signal);
  second.response.end('b'.repeat(900));
  await Promise.race([second.reply, new Promise((resolve) => setTimeout(resolve, 100))]);
  controller.abort();
  await expect(second.reply).rejects.toMatchObject({ code: 'CANCELLED' });
  first.response.end();
  expect((await first.reply).body).toHaveLength(900);
});

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import { describe, expect, test } from 'vitest';
import { makeConnections } from '../support/backlog.ts';
import { jsonReply, rawExchange, startThings, untilRefused } from '../support/http-server.ts';

describe('a caller that leaves', () => {
  test('aborts its call', async () => {
    const started = Promise.withResolvers<AbortSignal>();
    const { port } = await startThings({
      unary: async ({ ending: { signal } }) => {
        started.resolve(signal);
        await once(signal, 'abort');
        throw signal.reason;
      },
    });
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.write('GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n');
    const signal = await started.promise;
    socket.destroy();
    await once(signal, 'abort');
    expect(signal.reason).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
  });

  test('in the middle of its body cancels the call, and the service goes on', async () => {
    const { port, url, dispatcher } = await startThings();
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.write(
      'POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await expect.poll(() => dispatcher.seen[0]?.error?.code).toBe('CANCELLED');
    expect((await fetch(`${url}/api/things/i`)).status).toBe(200);
  });

  test('is not aborted after a call that was replied to', async () => {
    const { url, dispatcher } = await startThings();
    await (await fetch(`${url}/api/things/i`, { headers: { connection: 'close' } })).text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(dispatcher.seen[0]?.incoming.ending.signal.aborted).toBe(false);
  });
});

describe('closing', () => {
  test('waits for calls under way, refuses new connections, ends idle ones', async () => {
    const entered = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { url, port, close } = await startThings({
      unary: async () => {
        entered.resolve();
        await go.promise;
        return jsonReply({ done: true });
      },
    });
    const idle = createConnection({ host: '127.0.0.1', port });
    await once(idle, 'connect');
    const idleClosed = once(idle, 'close');
    const answer = fetch(`${url}/api/things/i`);
    await entered.promise;
    const closed = close(10_000);
    await idleClosed;
    await expect(fetch(`${url}/api/things/i`)).rejects.toThrow();
    go.resolve();
    expect(await (await answer).json()).toEqual({ done: true });
    await closed;
  });

  test('tells callers under way, in their last response, that the connection ends', async () => {
    const go = Promise.withResolvers<void>();
    const { port, close, dispatcher } = await startThings({
      unary: async () => {
        await go.promise;
        return jsonReply({ done: true });
      },
    });
    const agent = new Agent({ keepAlive: true });
    const responses = [1, 2].map(async () => {
      const outgoing = request({ port, host: '127.0.0.1', path: '/api/things/i', agent });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      return response.headers.connection;
    });
    const pipelined = rawExchange(port, 'GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    await expect.poll(() => dispatcher.seen.length).toBe(5);
    const closed = close(10_000);
    await untilRefused(port);
    go.resolve();
    expect(await Promise.all(responses)).toEqual(['close', 'close']);
    // All three, in their order, and only the last one says so.
    expect((await pipelined).match(/^connection: .*$/gim)).toEqual([
      'Connection: keep-alive',
      'Connection: keep-alive',
      'connection: close',
    ]);
    await closed;
    agent.destroy();
  });

  test('serves the next request of a caller that was just served, and says that it is the last', async () => {
    const { port, close } = await startThings({ unary: async () => jsonReply({ done: true }) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const call = async (): Promise<IncomingMessage> => {
      const outgoing = request({ port, host: '127.0.0.1', path: '/api/things/i', agent });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return response;
    };
    expect((await call()).headers.connection).toBe('keep-alive');
    const closed = close(10_000);
    let connection: string | undefined;
    // What is sent before the listener has closed is not the last request yet.
    do ({ connection } = (await call()).headers);
    while (connection === 'keep-alive');
    expect(connection).toBe('close');
    await closed;
    agent.destroy();
  });

  test('serves the requests of those who have connected and are not accepted yet', async () => {
    const { url, close } = await startThings({ unary: async () => jsonReply({ done: true }) });
    const calls = Array.from({ length: 50 }, async () => {
      const outgoing = request(`${url}/api/things/i`, { agent: false }).end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    });
    await makeConnections();
    const closed = close(10_000);
    expect(await Promise.all(calls)).toEqual(Array(50).fill(200));
    await closed;
  });

  test('of some age is told in its next response that it ends, and not before', async () => {
    const { port } = await startThings(
      { unary: async () => jsonReply({ done: true }) },
      { life: { maxAgeMs: 300 } },
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const call = async () => {
      const outgoing = request({ port, host: '127.0.0.1', path: '/api/things/i', agent });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return [response.headers.connection, outgoing.reusedSocket];
    };
    expect(await call()).toEqual(['keep-alive', false]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await call()).toEqual(['close', true]);
    expect(await call()).toEqual(['keep-alive', false]);
    agent.destroy();
  });

  test('of some age ends its streams after the grace, with a reason to call again', async () => {
    const { url } = await startThings(
      {
        async *stream(incoming) {
          yield jsonReply({ name: 'a' });
          await new Promise((_resolve, reject) =>
            incoming.ending.signal.addEventListener('abort', () => reject(incoming.ending.signal.reason)),
          );
        },
      },
      { life: { maxAgeMs: 100, ageGraceMs: 100 } },
    );
    const text = await (await fetch(`${url}/api/things/1:watch`)).text();
    expect(text).toContain('CONNECTION_TOO_OLD');
  });

  test('lets a large response out that is written but not read yet', async () => {
    const body = Buffer.alloc(32 * 1024 * 1024, 'x');
    const { port, close } = await startThings({
      unary: () => jsonReply({}, { http: { status: 200, contentType: 'text/x', body } }),
    });
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.write('GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    const closed = close(10_000);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(socket, 'end');
    expect(bytes).toBeGreaterThan(body.length);
    await closed;
  });

  test('serves no request that comes after the last response was announced', async () => {
    const go = Promise.withResolvers<void>();
    const { port, close, dispatcher } = await startThings({
      unary: async () => {
        await go.promise;
        return jsonReply({ done: true });
      },
    });
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.write('GET /api/things/1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => dispatcher.seen.length).toBe(1);
    const closed = close(10_000);
    await untilRefused(port);
    socket.write('GET /api/things/2 HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    go.resolve();
    await closed;
    expect(dispatcher.seen).toHaveLength(1);
    socket.destroy();
  });

  test('cuts off what is still under way after the grace', async () => {
    const { url, close } = await startThings({ unary: () => new Promise(() => undefined) });
    const answer = fetch(`${url}/api/things/i`).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await close(20);
    expect(await answer).toBeInstanceOf(Error);
  });

  test('a port in use is an error that says so', async () => {
    const { port } = await startThings();
    await expect(startThings({}, { listen: { host: '127.0.0.1', port } })).rejects.toThrow('EADDRINUSE');
  });
});
describe('extra routes', () => {
  const extraRoutes = new Map([
    ['/healthz', async () => ({ status: 200, contentType: 'text/plain', body: Buffer.from('ok') })],
    ['/broken', () => Promise.reject(new Error('inner'))],
  ]);

  test('are served beside the operations, for GET and HEAD', async () => {
    const { url } = await startThings({}, { extraRoutes });
    expect(await (await fetch(`${url}/healthz?x=1`)).text()).toBe('ok');
    expect((await fetch(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200);
    const post = await fetch(`${url}/healthz`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/healthz/`)).status).toBe(404);
  });

  test('fail like everything else', async () => {
    const { url } = await startThings({}, { extraRoutes });
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: 13 });
  });
});

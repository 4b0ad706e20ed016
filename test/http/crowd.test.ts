import { once } from 'node:events';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { createConnection, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { HttpLimits } from '../../src/http/options.ts';
import { Meter } from '../../src/telemetry/meter.ts';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { jsonReply, rawExchange, startThings } from '../support/http-server.ts';
import { readMetric } from '../support/metrics.ts';
import { closeAtEnd } from '../support/opened.ts';

const GET = 'GET /api/things/i HTTP/1.1\r\nHost: x\r\n\r\n';
const CLOSING = 'GET /api/things/i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const PROBE = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

const extraRoutes = new Map([
  ['/healthz', async () => ({ status: 200, contentType: 'text/plain', body: Buffer.from('ok') })],
]);

/** A server whose calls wait until the test lets them go on. */
async function startHeld(limits: Partial<HttpLimits>) {
  const go = Promise.withResolvers<void>();
  const meter = new Meter();
  const server = await startThings(
    {
      unary: async () => {
        await go.promise;
        return jsonReply({ done: true });
      },
    },
    { limits, extraRoutes, meter },
  );
  return { ...server, go: () => go.resolve(), meter };
}

async function open(port: number): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The status of the response to a request over HTTP/2. */
async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  const [headers] = await once(stream, 'response');
  stream.resume();
  return headers[':status'];
}

/** How often a metric counted a cause. */
function ended(meter: Meter, cause: string): number {
  return readMetric(meter, METRICS.httpEndedConnections, { cause });
}

describe('connections without a request', () => {
  test('make room for new ones, the one that has been idle for longest first', async () => {
    const { port, meter } = await startHeld({ maxConnections: 2, reservedConnections: 1 });
    const sockets = [await open(port), await open(port), await open(port)];
    // The first has been idle for the shortest time now.
    sockets[0]?.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(sockets[0] as Socket, 'data');
    const closed = once(sockets[1] as Socket, 'close');
    expect(await rawExchange(port, PROBE)).toMatch(/^HTTP\/1\.1 200 /);
    await closed;
    expect([sockets[0]?.closed, sockets[2]?.closed]).toEqual([false, false]);
    expect(ended(meter, 'idle')).toBe(1);
    for (const socket of sockets) socket.destroy();
  });

  test('do not shut others out, however many they are', async () => {
    const { port, url } = await startThings({}, { extraRoutes });
    const sockets = await Promise.all(Array.from({ length: 1_200 }, () => open(port)));
    const startedAt = performance.now();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/api/things/i`)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    for (const socket of sockets) socket.destroy();
  });
});

describe('connections with a request', () => {
  test('over the limit are refused with 503, but not those of probes, and taken again later', async () => {
    const { port, go } = await startHeld({ maxConnections: 2, reservedConnections: 2 });
    const busy = [rawExchange(port, CLOSING), rawExchange(port, CLOSING)];
    await expect.poll(async () => await rawExchange(port, PROBE)).toMatch(/^HTTP\/1\.1 200 /);
    const refused = await rawExchange(port, GET);
    expect(refused).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused).toMatch(/connection: close/i);
    expect(refused).toMatch(/retry-after: [12]\r/i);
    expect(refused).toContain('"reason":"TOO_MANY_CONNECTIONS"');
    expect(await rawExchange(port, PROBE)).toMatch(/^HTTP\/1\.1 200 /);
    go();
    for (const exchange of busy) expect(await exchange).toMatch(/^HTTP\/1\.1 200 /);
    expect(await rawExchange(port, CLOSING)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('over HTTP/2 take the room of one each, so that probes have their reserve', async () => {
    const { port, go, meter } = await startHeld({ maxConnections: 4, reservedConnections: 2 });
    const sessions = Array.from({ length: 5 }, () => connect(`http://127.0.0.1:${port}`));
    closeAtEnd(() => sessions.forEach((session) => void session.destroy()));
    const statuses: Promise<number>[] = [];
    for (const session of sessions) {
      statuses.push(statusOf(session.request({ ':path': '/api/things/i' })));
      await once(session, 'localSettings');
    }
    expect(await Promise.race(statuses)).toBe(503);
    expect(readMetric(meter, METRICS.httpOpenConnections)).toBe(5);
    expect(await rawExchange(port, PROBE)).toMatch(/^HTTP\/1\.1 200 /);
    go();
    expect((await Promise.all(statuses)).toSorted()).toEqual([200, 200, 200, 200, 503]);
  });

  test('that fill the reserve as well leave no room, and nothing gets a response', async () => {
    const { port, go, meter, dispatcher } = await startHeld({ maxConnections: 1, reservedConnections: 0 });
    const busy = rawExchange(port, CLOSING);
    await expect.poll(() => dispatcher.seen.length).toBe(1);
    expect(await rawExchange(port, PROBE)).toBe('');
    expect(ended(meter, 'full')).toBe(1);
    go();
    expect(await busy).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('requests on one connection', () => {
  test('over the limit end the connection, and the rest is not handled', async () => {
    const { port, dispatcher, meter } = await startHeld({ maxPipelined: 3 });
    expect(await rawExchange(port, GET.repeat(10_000))).toBe('');
    expect(dispatcher.seen).toHaveLength(3);
    expect(dispatcher.seen.map(({ incoming }) => incoming.ending.signal.aborted)).toEqual([true, true, true]);
    expect(dispatcher.refusals).toMatchObject([{ error: { reason: 'TOO_MANY_REQUESTS' } }]);
    expect(ended(meter, 'pipelining')).toBe(1);
  });

  test('within the limit get their responses in order, one batch after the other', async () => {
    const { port } = await startThings({}, { limits: { maxPipelined: 3 } });
    const socket = await open(port);
    for (let batch = 0; batch < 5; batch += 1) {
      let text = '';
      socket.write(GET.repeat(3));
      while ((text.match(/"rpc"/g) ?? []).length < 3) text += String((await once(socket, 'data'))[0]);
      expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    }
    socket.destroy();
  });

  test('are all aborted when their caller leaves, those that wait for an earlier one as well', async () => {
    const { port, dispatcher } = await startHeld({});
    const socket = await open(port);
    socket.write(GET.repeat(5));
    await expect.poll(() => dispatcher.seen.length).toBe(5);
    socket.destroy();
    await expect
      .poll(() => dispatcher.seen.map(({ incoming }) => incoming.ending.signal.aborted))
      .toEqual(Array(5).fill(true));
  });

  test('over the limit of all connections are refused', async () => {
    const { port, dispatcher, go } = await startHeld({ maxRequests: 4 });
    const first = await open(port);
    first.write(GET.repeat(4));
    await expect.poll(() => dispatcher.seen.length).toBe(4);
    expect(await rawExchange(port, GET)).toContain('"reason":"TOO_MANY_REQUESTS"');
    expect(await rawExchange(port, PROBE)).toMatch(/^HTTP\/1\.1 200 /);
    go();
    first.destroy();
    await expect.poll(() => rawExchange(port, CLOSING)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('memory', () => {
  test('for bodies is bounded over all requests, and free again after them', async () => {
    const { url, dispatcher, go } = await startHeld({ maxReceivedBytes: 250_000 });
    const post = () =>
      fetch(`${url}/v2/unknown`, { method: 'POST', body: new Uint8Array(100_000) }).then((r) => r.status);
    const held = [post(), post()];
    await expect.poll(() => dispatcher.seen.length).toBe(2);
    expect(await post()).toBe(503);
    const error = dispatcher.seen[2]?.error;
    expect(error?.reason).toBe('TOO_MANY_REQUESTS');
    expect(error?.retryDelayMs).toBeGreaterThanOrEqual(1_000);
    go();
    expect(await Promise.all(held)).toEqual([200, 200]);
    await expect.poll(post).toBe(200);
  });

  test('for responses that nobody reads is bounded: the longest unread is cut off', async () => {
    const body = Buffer.alloc(16 * 1024 * 1024, 'x');
    const meter = new Meter();
    const { port } = await startThings(
      { unary: () => jsonReply({}, { http: { status: 200, contentType: 'text/x', body } }) },
      { limits: { maxUnreadBytes: 40 * 1024 * 1024 }, meter },
    );
    const sockets: Socket[] = [];
    for (let count = 0; count < 3; count += 1) {
      const socket = await open(port);
      socket.pause();
      socket.write(GET);
      sockets.push(socket);
      await once(socket, 'readable');
    }
    await expect.poll(() => ended(meter, 'unread')).toBe(1);
    const received = await Promise.all(
      sockets.map(async (socket) => {
        let bytes = 0;
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > body.length) socket.destroy();
        });
        socket.resume();
        await once(socket, 'close');
        return bytes > body.length;
      }),
    );
    expect(received).toEqual([false, true, true]);
  });

  test('for a body of many small pieces is that of its bytes', async () => {
    const { port, dispatcher } = await startThings();
    const body = 'abcdefghij'.repeat(5_000);
    const chunks = [...body].map((letter) => `1\r\n${letter}\r\n`).join('');
    await rawExchange(
      port,
      `POST /v2/unknown HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    const received = dispatcher.seen[0]?.verbatim?.body ?? new Uint8Array();
    expect(Buffer.from(received).toString()).toBe(body);
    expect(received.buffer.byteLength).toBeLessThanOrEqual(128 * 1024);
  });
});

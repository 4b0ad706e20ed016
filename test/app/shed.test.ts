import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { createShedder, type Shedder } from '../../src/pipeline/shedder.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { sendHttp } from '../support/http-request.ts';
import { startThings } from '../support/http-server.ts';
import { connectRaw } from '../support/raw-client.ts';
import { connectHttp2 } from '../support/raw-http2.ts';
import { startOnSandbox } from '../support/service.ts';

const EMPTY = new Uint8Array();

/** A shedder whose event loop is as late as it can be. */
function overloaded(): Shedder & { shed: string[] } {
  const shed: string[] = [];
  let measure = (): void => undefined;
  const shedder = createShedder({
    delayMs: 50,
    leastCalls: 1,
    onShed: (kind) => shed.push(kind),
    onBegin: () => undefined,
    onEnd: () => undefined,
    startGauge: (take) => {
      measure = () => take({ delayMs: 5_000, activeMs: 0, elapsedMs: 5_000 });
      return { resume: () => undefined, pause: () => undefined };
    },
  });
  // One that has just started takes more.
  for (let count = 0; count < 2_000; count += 1) shedder.begin()();
  for (let count = 0; count < 10; count += 1) shedder.begin();
  for (let count = 0; count < 30; count += 1) measure();
  return {
    ...shedder,
    objection: (...asked) => shedder.objection(...asked),
    begin: () => shedder.begin(),
    shed,
  };
}

test('over gRPC, calls are refused by their headers alone, with when to call again', async () => {
  const shedder = overloaded();
  const { address } = await startGrpc({}, { shedder });
  const { status, isTrailersOnly, trailers } = await connectHttp2(address).open(cloudPath('ListRegions'))
    .ending;
  expect([status, isTrailersOnly]).toEqual([14, true]);
  const pushback = Number(trailers['grpc-retry-pushback-ms']);
  expect(pushback).toBeGreaterThanOrEqual(1_000);
  expect(pushback).toBeLessThanOrEqual(2_000);
  expect(trailers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(await failureOf(connectRaw(address).unary(cloudPath('HaltInstance'), EMPTY))).toMatchObject({
    code: 'UNAVAILABLE',
    info: { reason: 'OVERLOADED', domain: 'vultr-grpc' },
    retryDelayMs: expect.any(Number),
  });
  expect(shedder.shed).toEqual(['read', 'change']);
});

test('over gRPC, the health answers all the same, watched or not', async () => {
  const { address } = await startGrpc({}, { shedder: overloaded() });
  const client = connectRaw(address);
  await client.unary('/grpc.health.v1.Health/Check', EMPTY);
  const watch = client.stream('/grpc.health.v1.Health/Watch', EMPTY);
  expect(await watch.next()).toBeDefined();
  watch.cancel();
});

test('over HTTP, calls are refused without their bodies, and their connections stay', async () => {
  const shedder = overloaded();
  const { url, dispatcher } = await startThings({}, { shedder });
  const address = url.replace('http://', '');
  const read = await sendHttp(address, 'GET', '/api/things/1');
  expect([read.status, JSON.parse(read.text)]).toMatchObject([
    503,
    { message: expect.stringContaining('more to do') },
  ]);
  expect(Number(read.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect((await sendHttp(address, 'POST', '/api/things', '{"name":"x"}')).status).toBe(503);
  expect((await sendHttp(address, 'GET', '/api/things/1:watch')).status).toBe(503);
  expect(shedder.shed).toEqual(['read', 'change', 'watch']);
  expect(dispatcher.seen).toEqual([]);
});

test('over Connect, calls are refused with an id, and are not logged one by one', async () => {
  const shedder = overloaded();
  const { url, dispatcher } = await startThings({}, { shedder });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/t.S/Create`, { method: 'POST', body: '{"id":"a"}', headers });
  expect([response.status, await response.json()]).toMatchObject([503, { code: 'unavailable' }]);
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(shedder.shed).toHaveLength(1);
  expect([dispatcher.seen, dispatcher.refusals]).toEqual([[], []]);
});

test('a call is in progress from its headers until its reply is made', async () => {
  let open = 0;
  const shedder: Shedder = {
    objection: () => undefined,
    begin: () => {
      open += 1;
      let isOver = false;
      return () => {
        if (!isOver) open -= 1;
        isOver = true;
      };
    },
  };
  const proceed = Promise.withResolvers<void>();
  const slow = async () => {
    await proceed.promise;
    return structReply(Payload.of({ ok: true }));
  };
  const { address } = await startGrpc({ ListRegions: slow }, { shedder });
  const connection = connectHttp2(address);
  const unread = connection.open(cloudPath('ListRegions'));
  const call = connection.call(cloudPath('ListRegions'), [EMPTY]);
  await expect.poll(() => open).toBe(2);
  proceed.resolve();
  await call;
  await expect.poll(() => open).toBe(1);
  unread.stream.close();
  await expect.poll(() => open).toBe(0);
});

test('by default a healthy service refuses nothing', async () => {
  const { client, app } = await startOnSandbox({
    shedDelayMs: 5_000,
    httpListen: { host: '127.0.0.1', port: 0 },
  });
  const call = () => client.ask('getInstance', { instance_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60' });
  await Promise.all(Array.from({ length: 200 }, call));
  await sleep(50);
  const { text } = await sendHttp(app.httpAddress ?? '', 'GET', '/metrics');
  expect(text).toContain('rpc_server_shed_calls_total');
  expect(text).not.toMatch(/^rpc_server_shed_calls_total\{/m);
});

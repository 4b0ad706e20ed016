import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeConnections } from '../support/backlog.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { connectHttp2 } from '../support/raw-http2.ts';
import { startOnSandbox, startService } from '../support/service.ts';

const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

test('going down ends streams with a reason to call again, and takes no new calls', async () => {
  const { client, app, sandbox } = await startOnSandbox();
  const watch = client.watch({ instance_id: EXAMPLE });
  await watch.next();
  const closing = app.close();
  expect(await failureOf(watch.rest())).toMatchObject({
    code: 'UNAVAILABLE',
    info: { reason: 'SHUTTING_DOWN', domain: 'vultr-grpc' },
    retryDelayMs: expect.any(Number),
  });
  await closing;
  const asked = sandbox.requests.count();
  expect((await failureOf(client.ask('getInstance', { instance_id: EXAMPLE }))).code).toBe('UNAVAILABLE');
  expect(sandbox.requests.count()).toBe(asked);
});

test('going down lets a call that is under way end well', async () => {
  const proceed = Promise.withResolvers<void>();
  const upstream = await startFakeUpstream(async () => {
    await proceed.promise;
    return [200, { instance: { id: EXAMPLE } }];
  });
  const { client, app } = await startService({ upstream: upstream.url, shutdownGraceMs: 5_000 });
  const call = client.ask('getInstance', { instance_id: EXAMPLE });
  await upstream.arrived(1);
  const closing = app.close();
  await sleep(20);
  proceed.resolve();
  expect((await call).value).toEqual({ instance: { id: EXAMPLE } });
  await closing;
});

test('going down serves the calls of those who have connected and are not accepted yet', async () => {
  const { app } = await startOnSandbox();
  const calls = Array.from({ length: 20 }, () =>
    connectHttp2(app.grpcAddress).call('/vultr.cloud.v1.CloudService/ListRegions', [new Uint8Array()]),
  );
  await makeConnections();
  const closing = app.close();
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(20).fill(0));
  await closing;
});

test('going down cuts a call that does not end within the grace, and its request to Vultr', async () => {
  const upstream = await startFakeUpstream(() => 'hang');
  const { client, app } = await startService({ upstream: upstream.url, shutdownGraceMs: 50 });
  const call = failureOf(client.ask('getInstance', { instance_id: EXAMPLE }));
  await upstream.arrived(1);
  await app.close();
  expect(await call).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'SHUTTING_DOWN' } });
  await upstream.received[0]?.abandoned;
});

test('going down is not held up by a caller that does not read', async () => {
  let ram = 0;
  const upstream = await startFakeUpstream(() => {
    ram += 1;
    return [200, { instance: { id: EXAMPLE, ram, filler: 'x'.repeat(200_000) } }];
  });
  const { client, app } = await startService({ upstream: upstream.url, shutdownGraceMs: 50 });
  const watch = client.watch({ instance_id: EXAMPLE });
  await watch.next();
  await upstream.arrived(20);
  await app.close();
  watch.call.cancel();
});

test('a caller that leaves takes its request to Vultr with it', async () => {
  const upstream = await startFakeUpstream(() => 'hang');
  const { client, log } = await startService({ upstream: upstream.url });
  const [call, reply] = client.begin('getInstance', { instance_id: EXAMPLE });
  await upstream.arrived(1);
  call.cancel();
  expect((await failureOf(reply)).code).toBe('CANCELLED');
  await upstream.received[0]?.abandoned;
  while (log.lines().length === 0) await sleep(5);
  expect(log.lines()).toEqual([expect.objectContaining({ code: 'CANCELLED', reason: 'CALL_CANCELLED' })]);
});

test('a deadline that passes is the end on all sides', async () => {
  const upstream = await startFakeUpstream(() => 'hang');
  const { client, log } = await startService({ upstream: upstream.url });
  const call = client.ask('getInstance', { instance_id: EXAMPLE }, { deadline: Date.now() + 150 });
  expect((await failureOf(call)).code).toBe('DEADLINE_EXCEEDED');
  await upstream.received[0]?.abandoned;
  while (log.lines().length === 0) await sleep(5);
  expect(log.lines()).toHaveLength(1);
  // Client and service keep the same deadline; the client's word may be the first to arrive.
  expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain(log.lines()[0]?.['code']);
});

test("the request id comes back in the initial metadata, the caller's or a new one", async () => {
  const { client, log } = await startOnSandbox();
  const metadata = { 'x-request-id': 'req-1' };
  const given = await client.ask('getInstance', { instance_id: EXAMPLE }, { metadata });
  expect(given.metadata.get('x-request-id')).toEqual(['req-1']);
  const made = await client.ask('getInstance', { instance_id: EXAMPLE });
  expect(made.metadata.get('x-request-id')).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  expect(log.lines({ request_id: 'req-1' })).toHaveLength(1);
  expect(log.lines()).toHaveLength(2);
});

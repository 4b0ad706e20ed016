import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { startService } from '../support/service.ts';
import { connectWatch, openEvents } from '../support/watch-client.ts';

const operation = 'vultr.v2.InstancesService/GetInstance';

const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

const reading = (id: string): object => ({
  operation,
  request: { case: 'values', value: { instance_id: id } },
});

/** The service in front of a Vultr whose every instance has booted. */
async function start(settings: Parameters<typeof startService>[0]) {
  const upstream = await startFakeUpstream(({ url }) => [
    200,
    { instance: { id: url.slice('/v2/instances/'.length), status: 'active' } },
  ]);
  return { upstream, ...(await startService({ upstream: upstream.url, ...settings })) };
}

test.each([
  ['the share', { watchShare: 0.2, replicas: 1 }, 5.4],
  ['the share of one of several replicas', { watchShare: 0.2, replicas: 2 }, 2.7],
])('all polls together keep to %s', async (_what, settings, perSecond) => {
  const { upstream, app } = await start({ rate: 30, reserve: 0.1, ...settings });
  const watcher = connectWatch(app.grpcAddress);
  const before = performance.now();
  const streams = Array.from({ length: 20 }, (_, index) => watcher.watch(reading(idOf(index))));
  const count = 12;
  await upstream.arrived(count);
  const seconds = (performance.now() - before) / 1_000;
  // A second's worth may go at once.
  const burst = Math.floor(perSecond);
  expect(seconds).toBeGreaterThan((0.98 * (count - burst)) / perSecond);
  for (const stream of streams) stream.cancel();
});

test('one poll serves the watchers of a thing over all transports', async () => {
  const { upstream, app, client } = await start({
    httpListen: { host: '127.0.0.1', port: 0 },
    watchIntervalMs: 60_000,
  });
  const id = idOf(1);
  const overGrpc = connectWatch(app.grpcAddress).watch(reading(id));
  const overHttp = await openEvents(app.httpAddress ?? '', `/v2/instances/${id}`);
  const ofCloud = client.watch({ instance_id: id });
  expect(await overGrpc.next()).toMatchObject({ state: { instance: { id } } });
  expect(await overHttp.next()).toMatchObject({ data: { instance: { id } } });
  expect(await ofCloud.next()).toMatchObject({ id });
  expect(upstream.received.map(({ url }) => url)).toEqual([`/v2/instances/${id}`]);
  overGrpc.cancel();
  overHttp.close();
  ofCloud.call.cancel();
});

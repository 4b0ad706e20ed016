import { describe, expect, test } from 'vitest';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { startService } from '../support/service.ts';
import { connectWatch, openEvents } from '../support/watch-client.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PATH = `/v2/instances/${ID}`;
const REQUEST = {
  operation: 'vultr.v2.InstancesService/GetInstance',
  request: { case: 'values', value: { instance_id: ID } },
};

/** The service in front of an upstream that answers so. */
async function serve(
  answer: (index: number) => FakeAnswer,
  settings: Parameters<typeof startService>[0] = {},
) {
  const upstream = await startFakeUpstream((_request, index) => answer(index));
  const httpListen = { host: '127.0.0.1', port: 0 };
  const { app, log } = await startService({ upstream: upstream.url, httpListen, ...settings });
  return { upstream, log, address: app.httpAddress ?? '', watcher: connectWatch(app.grpcAddress) };
}

function instance(fields: object): FakeAnswer {
  return [200, { instance: { id: ID, ...fields } }];
}

test('a slow reader of server-sent events is told how many states were left out', async () => {
  // 200 KB each, so that a reader that does not read is felt after a few.
  const filler = 'x'.repeat(200_000);
  const { upstream, address } = await serve((index) => instance({ ram: index, filler }));
  const events = await openEvents(address, PATH);
  let ram = ramIn((await events.next())?.data);
  await upstream.arrived(300);
  for (;;) {
    const event = await events.next();
    if (event?.event === 'skipped') {
      const { states } = event.data as { states: number };
      const newest = await events.next();
      expect(states).toBeGreaterThan(100);
      expect(newest?.event).toBe('message');
      expect(ramIn(newest?.data)).toBe(ram + states + 1);
      break;
    }
    expect(ramIn(event?.data)).toBe(ram + 1);
    ram += 1;
  }
  events.close();
});

function ramIn(data: unknown): number {
  return Number((data as { instance?: { ram?: number } } | undefined)?.instance?.ram);
}

describe('a watch that has lasted for WATCH_TIMEOUT', () => {
  const settings = { watchTimeoutMs: 2_000 };

  test('ends with DEADLINE_EXCEEDED over gRPC', async () => {
    const { watcher } = await serve(() => instance({ ram: 1 }), settings);
    const stream = watcher.watch({ ...REQUEST, until: 'instance.ram == 2' });
    expect(await stream.next()).toMatchObject({ state: { instance: { ram: 1 } } });
    expect((await failureOf(stream.rest())).code).toBe('DEADLINE_EXCEEDED');
  });

  test('ends with an error over HTTP', async () => {
    const { address } = await serve(() => instance({ ram: 1 }), settings);
    const events = await openEvents(address, `${PATH}?until=instance.ram==2`);
    expect(await events.rest()).toMatchObject([
      { event: 'message', data: { instance: { ram: 1 } } },
      { event: 'error', data: { code: 4 } },
    ]);
  });
});

test('a watch outlives the breaker, which opens after the first state, over both transports', async () => {
  let answer: FakeAnswer = instance({ ram: 1 });
  const { watcher, address, log } = await serve(() => answer);
  const stream = watcher.watch({ ...REQUEST, until: 'instance.ram == 2' });
  const events = await openEvents(address, `${PATH}?until=instance.ram==2`);
  expect(await stream.next()).toMatchObject({ state: { instance: { ram: 1 } } });
  expect(await events.next()).toMatchObject({ data: { instance: { ram: 1 } } });
  answer = [503, { error: 'busy', status: 503 }];
  const refused = async (): Promise<string | undefined> =>
    (await failureOf(watcher.watch({ operation: REQUEST.operation, request: anotherInstance() }).next())).info
      ?.reason;
  await expect.poll(refused, { timeout: 30_000, interval: 10 }).toBe('BREAKER_OPEN');
  answer = instance({ ram: 2 });
  expect(await stream.rest()).toMatchObject([{ state: { instance: { ram: 2 } }, reached: true }]);
  expect(await events.rest()).toMatchObject([{ data: { instance: { ram: 2 } } }, { event: 'end' }]);
  expect(log.text).toContain('breaker');
});

let instances = 0;
function anotherInstance(): object {
  instances += 1;
  const instance_id = `00000000-0000-4000-8000-${String(instances).padStart(12, '0')}`;
  return { case: 'values', value: { instance_id } };
}

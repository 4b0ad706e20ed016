import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectCloud } from '../support/cloud-client.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { heldMb } from '../support/held-memory.ts';
import { openForFile } from '../support/opened.ts';
import { startOnSandbox, startService } from '../support/service.ts';

/** The example instance of the sandbox. */
const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const NEW = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124' };

const onSandbox = openForFile(() => startOnSandbox());

/** A sandbox that nothing has happened in, and the service in front of it. */
function start(): ReturnType<typeof onSandbox> {
  onSandbox().sandbox.reset();
  return onSandbox();
}

let answer: (index: number) => FakeAnswer;
const onFake = openForFile(async () => {
  const upstream = await startFakeUpstream((_request, index) => answer(index));
  return { ...(await startService({ upstream: upstream.url })), upstream };
});

/** The service in front of an upstream that answers the polls like this; after the last, always with the last. */
function answering(...answers: FakeAnswer[]): ReturnType<typeof onFake> {
  answer = (index) => answers[Math.min(index, answers.length - 1)] ?? 'hang';
  onFake().upstream.received.length = 0;
  return onFake();
}

function instance(fields: object): FakeAnswer {
  return [200, { instance: { id: EXAMPLE, status: 'active', ...fields } }];
}

/** Waits until something holds. */
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

describe('a watch', () => {
  test('begins with the instance as it is, and tells each change once', async () => {
    const instance_id = randomUUID();
    const { client, upstream } = answering(
      instance({ ram: 1 }),
      instance({ ram: 1 }),
      instance({ ram: 2, kvm: 'a' }),
      instance({ ram: 2, kvm: 'b' }),
      instance({ ram: 1 }),
    );
    const watch = client.watch({ instance_id });
    expect([await watch.next(), await watch.next(), await watch.next()]).toMatchObject([
      { ram: 1 },
      { ram: 2 },
      { ram: 1 },
    ]);
    expect(upstream.received.length).toBeGreaterThanOrEqual(5);
    watch.call.cancel();
  });

  test('of an instance that is not there is NOT_FOUND', async () => {
    const { client } = start();
    const instance_id = '11111111-2222-3333-4444-555555555555';
    expect(await failureOf(client.watch({ instance_id }).next())).toMatchObject({
      code: 'NOT_FOUND',
      info: { reason: 'VULTR_NOT_FOUND' },
    });
    expect(await client.watch({ instance_id, until: { gone: true } }).next()).toBeUndefined();
  });

  test('of an instance just made here waits until Vultr shows it', async () => {
    const { client, sandbox } = start();
    const { value } = await client.ask('createInstance', NEW);
    const { id } = value['instance'] as { id: string };
    expect((await failureOf(client.ask('getInstance', { instance_id: id }))).code).toBe('NOT_FOUND');
    const watch = client.watch({ instance_id: id });
    const first = watch.next();
    await eventually(() => sandbox.requests.count({ path: `/v2/instances/${id}`, status: 404 }) > 2);
    sandbox.advance(2_000);
    expect(await first).toMatchObject({ id, status: 'pending' });
    watch.call.cancel();
  });

  test('of an instance made and terminated here does not wait until Vultr shows it', async () => {
    const { client, sandbox } = start();
    const { value } = await client.ask('createInstance', NEW);
    const { id } = value['instance'] as { id: string };
    sandbox.advance(60_000);
    await client.ask('terminateInstance', { instance_id: id });
    expect(await client.watch({ instance_id: id, until: { gone: true } }).next()).toBeUndefined();
  });

  test.each<[string, object]>([
    ['a status', { status: 'active' }],
    ['two conditions', { server_status: 'ok', power_status: 'running' }],
    ['a condition with others left empty', { status: 'active', gone: false }],
  ])('ends well once the condition holds, at once when it holds already: %s', async (_what, until) => {
    const { client } = start();
    expect(await client.watch({ instance_id: EXAMPLE, until }).rest()).toHaveLength(1);
  });

  test('goes on while only a part of the condition holds', async () => {
    const { client, sandbox } = start();
    const until = { status: 'active', power_status: 'stopped' };
    const watch = client.watch({ instance_id: EXAMPLE, until });
    expect(await watch.next()).toMatchObject({ status: 'active', power_status: 'running' });
    await client.ask('haltInstance', { instance_id: EXAMPLE });
    sandbox.advance(2_000);
    expect(await watch.rest()).toMatchObject([{ power_status: 'stopped' }]);
  });

  test.each<[object, object]>([
    [{ status: 'active' }, { status: 'suspended', server_status: 'ok' }],
    [
      { status: 'active', power_status: 'running' },
      { status: 'suspended', server_status: 'error' },
    ],
    [{ server_status: 'ok' }, { server_status: 'error' }],
  ])('for %o ends where the instance is %o, from which it does not get there', async (until, fields) => {
    const { client } = answering(instance({ server_status: 'none', ...fields }));
    const watch = client.watch({ instance_id: randomUUID(), until });
    expect(await watch.next()).toMatchObject(fields);
    expect(await failureOf(watch.next())).toMatchObject({
      code: 'FAILED_PRECONDITION',
      info: { reason: 'GOAL_UNREACHABLE' },
    });
  });

  test('for what an instance with an error can still come to goes on', async () => {
    const failed = { server_status: 'error', power_status: 'running' };
    const { client } = answering(instance(failed), instance({ ...failed, power_status: 'stopped' }));
    const watch = client.watch({ instance_id: randomUUID(), until: { power_status: 'stopped' } });
    expect(await watch.rest()).toHaveLength(2);
  });

  test.each([[{}], [undefined]])('never ends by itself without a condition (%o)', async (until) => {
    const { client, sandbox } = start();
    const watch = client.watch({ instance_id: EXAMPLE, ...(until && { until }) });
    await watch.next();
    let hasEnded = false;
    const rest = failureOf(watch.rest()).finally(() => {
      hasEnded = true;
    });
    const polls = sandbox.requests.count();
    await eventually(() => sandbox.requests.count() > polls + 5);
    expect(hasEnded).toBe(false);
    watch.call.cancel();
    expect((await rest).code).toBe('CANCELLED');
  });

  test('that waits for the end refuses to wait for anything else as well', async () => {
    const { client, sandbox } = start();
    const until = { gone: true, status: 'active', power_status: 'running' };
    const failure = await failureOf(client.watch({ instance_id: EXAMPLE, until }).next());
    expect(failure.code).toBe('INVALID_ARGUMENT');
    expect(Object.keys(failure.violations)).toEqual(['until.status', 'until.power_status']);
    expect(sandbox.requests.count()).toBe(0);
  });

  test.each([
    ['status', 'ACTIVE', 'pending, installing, active, suspended, resizing'],
    ['status', '', 'pending, installing, active, suspended, resizing'],
    ['server_status', 'ready', 'none, locked, installingbooting, isomounting, ok, error'],
    ['power_status', 'off', 'starting, running, stopped'],
  ])('refuses to wait for %s to be %o, which it never is', async (field, value, allowed) => {
    const { client, sandbox } = start();
    const watch = client.watch({ instance_id: EXAMPLE, until: { [field]: value } });
    expect(await failureOf(watch.next())).toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: { [`until.${field}`]: `Must be one of ${allowed}.` },
    });
    expect(sandbox.requests.count()).toBe(0);
  });

  test('for something else ends with NOT_FOUND when the instance goes away', async () => {
    const { client } = start();
    const watch = client.watch({ instance_id: EXAMPLE, until: { power_status: 'stopped' } });
    await watch.next();
    await client.ask('terminateInstance', { instance_id: EXAMPLE });
    expect((await failureOf(watch.rest())).code).toBe('NOT_FOUND');
  });

  test('ends with the deadline of its caller', async () => {
    const { client } = start();
    const watch = client.watch({ instance_id: EXAMPLE }, { deadline: Date.now() + 150 });
    await watch.next();
    expect((await failureOf(watch.rest())).code).toBe('DEADLINE_EXCEEDED');
  });
});

describe('polling', () => {
  const path = `/v2/instances/${EXAMPLE}`;

  test('is shared by all who watch an instance with the same key', async () => {
    const { client, sandbox } = start();
    const until = { power_status: 'stopped' };
    const ids = [EXAMPLE, EXAMPLE.toUpperCase()];
    const watches = Array.from({ length: 20 }, (_, index) =>
      client.watch({ instance_id: ids[index % 2] ?? '', until }),
    );
    await Promise.all(watches.map((watch) => watch.next()));
    const before = sandbox.requests.count({ method: 'GET', path: '/v2/instances/*' });
    const startedAt = performance.now();
    await sleep(200);
    const polls = sandbox.requests.count({ method: 'GET', path: '/v2/instances/*' }) - before;
    // One every 10 ms at the most, whoever watches.
    expect(polls).toBeLessThanOrEqual((performance.now() - startedAt) / 10 + 1);
    expect(polls).toBeGreaterThan(0);
    await client.ask('haltInstance', { instance_id: EXAMPLE });
    sandbox.advance(2_000);
    const ends = await Promise.all(watches.map((watch) => watch.rest()));
    expect(ends.every((rest) => rest.at(-1)?.['power_status'] === 'stopped')).toBe(true);
  });

  test('is never shared across keys: the wrong key sees nothing of what the right one sees', async () => {
    const { client, app, sandbox } = start();
    const right = client.watch({ instance_id: EXAMPLE });
    await right.next();
    const wrong = connectCloud(app.grpcAddress, 'invalid-key').watch({ instance_id: EXAMPLE });
    expect(await failureOf(wrong.next())).toMatchObject({
      code: 'UNAUTHENTICATED',
      info: { reason: 'INVALID_API_KEY' },
    });
    const other = connectCloud(app.grpcAddress, 'another-key').watch({ instance_id: EXAMPLE });
    await other.next();
    const keys = new Set(sandbox.requests.list({ path }).map(({ keyHash }) => keyHash));
    expect(keys.size).toBe(3);
    right.call.cancel();
    other.call.cancel();
  });

  test('stops when the last watcher leaves, and begins anew with the next', async () => {
    const { client, sandbox } = start();
    const [first, second] = [client.watch({ instance_id: EXAMPLE }), client.watch({ instance_id: EXAMPLE })];
    await Promise.all([first.next(), second.next()]);
    first.call.cancel();
    const polls = sandbox.requests.count();
    await eventually(() => sandbox.requests.count() > polls + 2);
    second.call.cancel();
    await failureOf(second.rest());
    await sleep(50);
    const stopped = sandbox.requests.count();
    await sleep(100);
    expect(sandbox.requests.count()).toBe(stopped);
    const next = client.watch({ instance_id: EXAMPLE });
    expect(await next.next()).toMatchObject({ id: EXAMPLE });
    next.call.cancel();
  });

  test('that is under way when the caller leaves is aborted', async () => {
    const { client, upstream } = answering('hang');
    const watch = client.watch({ instance_id: EXAMPLE });
    await upstream.arrived(1);
    watch.call.cancel();
    await upstream.received[0]?.abandoned;
  });

  test('outlives failures that pass', async () => {
    const busy: FakeAnswer = [503, { error: 'busy', status: 503 }];
    const instance_id = randomUUID();
    const { client } = answering(instance({ ram: 1 }), busy, busy, busy, instance({ ram: 2 }));
    const watch = client.watch({ instance_id });
    expect([await watch.next(), await watch.next()]).toMatchObject([{ ram: 1 }, { ram: 2 }]);
    watch.call.cancel();
  });

  test.each<[string, FakeAnswer, string]>([
    ['a key that was withdrawn', [401, { error: 'Invalid API token.', status: 401 }], 'UNAUTHENTICATED'],
    ['an answer that is none', [200, '<html>', 'text/html'], 'INTERNAL'],
  ])('ends with a failure that does not pass: %s', async (_what, failing, code) => {
    const instance_id = randomUUID();
    const { client } = answering(instance({ ram: 1 }), failing);
    const watch = client.watch({ instance_id });
    await watch.next();
    expect((await failureOf(watch.rest())).code).toBe(code);
    // The next watcher is not given the old failure.
    answer = () => instance({ ram: 3 });
    const next = client.watch({ instance_id });
    expect(await next.next()).toMatchObject({ ram: 3 });
    next.call.cancel();
  });

  test('fails at once when the first poll fails', async () => {
    const { client } = answering([403, { error: 'Forbidden', status: 403 }]);
    const instance_id = '11111111-2222-3333-4444-555555555555';
    expect((await failureOf(client.watch({ instance_id }).next())).code).toBe('PERMISSION_DENIED');
  });

  test('goes on for others, and does not pile up, when a watcher does not read', async () => {
    // 200 KB each, so that a caller that does not read is felt after a few.
    const filler = 'x'.repeat(200_000);
    let ram = 0;
    answering(instance({}));
    answer = () => {
      ram += 1;
      return instance({ ram, filler });
    };
    const { client } = onFake();
    const slow = client.watch({ instance_id: EXAMPLE });
    // grpc-js keeps everything that comes until the first message has been read.
    await slow.next();
    slow.call.pause();
    const quick = client.watch({ instance_id: EXAMPLE });
    const before = heldMb();
    let seen = 0;
    while (seen < 300) seen = ((await quick.next())?.['ram'] as number | undefined) ?? Number.NaN;
    // All of the states together are 60 MB.
    expect(heldMb() - before).toBeLessThan(15);
    quick.call.cancel();
    slow.call.cancel();
  });
});

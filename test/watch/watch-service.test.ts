import { setTimeout as sleep } from 'node:timers/promises';
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { startOnSandbox, startService } from '../support/service.ts';
import { registry } from '../support/v2/declared.ts';
import { connectWatch } from '../support/watch-client.ts';

/** The example instance of the sandbox. */
const EXAMPLE = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const operation = 'vultr.v2.InstancesService/GetInstance';
const ofExample = { operation, request: values({ instance_id: EXAMPLE }) };

function values(fields: object): object {
  return { case: 'values', value: fields };
}

const onSandbox = openForFile(async () => {
  const service = await startOnSandbox();
  return { ...service, watcher: connectWatch(service.app.grpcAddress) };
});

function start(): ReturnType<typeof onSandbox> {
  onSandbox().sandbox.reset();
  return onSandbox();
}

let answer: (index: number) => FakeAnswer;
const onFake = openForFile(async () => {
  const upstream = await startFakeUpstream((_request, index) => answer(index));
  const service = await startService({ upstream: upstream.url });
  return { ...service, upstream, watcher: connectWatch(service.app.grpcAddress) };
});

/** The service in front of an upstream that answers the polls like this; after the last, always with the last. */
function answering(...answers: FakeAnswer[]): ReturnType<typeof onFake> {
  answer = (index) => answers[Math.min(index, answers.length - 1)] ?? 'hang';
  onFake().upstream.received.length = 0;
  return onFake();
}

function instance(fields: object): FakeAnswer {
  return [200, { instance: { id: EXAMPLE, ...fields } }];
}

/** How a watch ends whose goal is out of reach. */
const UNREACHABLE = { code: 'FAILED_PRECONDITION', info: { reason: 'GOAL_UNREACHABLE' } };

const READY = instance({ status: 'active', power_status: 'running', server_status: 'ok' });

/** Of an instance of its own: a feed is kept for a while. */
let count = 0;
function another(): object {
  count += 1;
  const instance_id = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
  return { operation, request: values({ instance_id }) };
}

describe('a request of Watch', () => {
  test.each<[string, object, string, RegExp]>([
    [
      'an unknown operation',
      { operation: 'vultr.v2.InstancesService/GetInstanc' },
      'operation',
      /Did you mean vultr/,
    ],
    ['one that changes', { operation: 'vultr.v2.InstancesService/DeleteInstance' }, 'operation', /reads/],
    [
      'one that is not Vultr’s',
      { operation: 'vultr.cloud.v1.CloudService/GetInstance' },
      'operation',
      /reads/,
    ],
    ['a malformed request', { operation, request: values({}) }, 'instance_id', /required/i],
    [
      'an unknown field',
      { operation, request: values({ instanceid: EXAMPLE }) },
      'values.instanceid',
      /instance_id/,
    ],
    [
      'a malformed expression',
      { ...ofExample, until: 'instance.status = "x"' },
      'until',
      /Line 1, column 17/,
    ],
    [
      'a member that is not there',
      { ...ofExample, until: 'instance.statsu == "x"' },
      'until',
      /column 9.*statsu/,
    ],
    [
      'a variable that is not there',
      { ...ofExample, until: '1 == 2 ||\n  instnace.x' },
      'until',
      /Line 2, column 3/,
    ],
    ['an unknown function', { ...ofExample, until: 'foo(1)' }, 'until', /column/],
    ['no condition', { ...ofExample, until: 'instance.status' }, 'until', /true or false/],
    [
      'too many nested macros',
      { ...ofExample, until: '[1].all(a, [1].all(b, [1].all(c, true)))' },
      'until',
      /nest/,
    ],
    [
      'an expression that is too much work',
      {
        operation: 'vultr.v2.PlansService/ListPlans',
        request: values({ per_page: 500 }),
        until: 'plans.all(a, plans.all(b, true))',
      },
      'until',
      /more than 100000 steps.*Look at fewer elements/,
    ],
    [
      'a named state that it has not',
      { operation: 'vultr.v2.AccountService/GetAccount', until: 'ready' },
      'until',
      /Use gone/,
    ],
    ['a malformed path', { ...ofExample, fields: ['instance..id'] }, 'fields', /dots/],
  ])('is refused with %s', async (_what, request, field, description) => {
    const { watcher } = start();
    const failure = await failureOf(watcher.watch(request).next());
    expect(failure.code).toBe('INVALID_ARGUMENT');
    expect(failure.violations[field]).toMatch(description);
  });

  test('may be the message of the operation', async () => {
    const { watcher } = start();
    const type = registry.getMessage('vultr.v2.GetInstanceRequest');
    if (type === undefined) throw new Error('The contract has no GetInstanceRequest.');
    const value = toBinary(type, create(type, { instanceId: EXAMPLE } as Record<string, unknown>));
    const typed = { typeUrl: 'type.googleapis.com/vultr.v2.GetInstanceRequest', value };
    const stream = watcher.watch({ operation, request: { case: 'typed', value: typed }, until: 'ready' });
    expect(await stream.rest()).toMatchObject([{ reached: true, state: { instance: { id: EXAMPLE } } }]);
    const wrong = { typeUrl: 'type.googleapis.com/vultr.v2.ListInstancesRequest', value };
    const failure = await failureOf(
      watcher.watch({ operation, request: { case: 'typed', value: wrong } }).next(),
    );
    expect(failure.violations['typed']).toMatch('vultr.v2.GetInstanceRequest');
  });

  test('without a credential, or with a wrong one, is refused as its operation is', async () => {
    const { app } = start();
    const stream = connectWatch(app.grpcAddress, 'invalid-key').watch(ofExample);
    expect(await failureOf(stream.next())).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('a watch', () => {
  test('tells the state, then each change once, until the condition holds', async () => {
    const { watcher, client, sandbox } = start();
    const stream = watcher.watch({ ...ofExample, until: 'stopped' });
    const first = await stream.next();
    expect(first).toMatchObject({ state: { instance: { power_status: 'running' } } });
    expect(first).not.toHaveProperty('reached');
    await client.ask('haltInstance', { instance_id: EXAMPLE });
    sandbox.advance(5_000);
    expect(await stream.rest()).toMatchObject([
      { reached: true, state: { instance: { power_status: 'stopped' } } },
    ]);
  });

  test('sends only the wanted members, and not changes elsewhere', async () => {
    const { watcher } = answering(
      instance({ ram: 1, tags: [{ a: 1, b: 1 }] }),
      instance({ ram: 2, tags: [{ a: 1, b: 2 }] }),
      instance({ ram: 2, tags: [{ a: 3, b: 2 }] }),
    );
    const stream = watcher.watch({
      ...another(),
      fields: ['instance.tags.a', 'instance.missing'],
      until: 'instance.tags[0].a == 3',
    });
    expect((await stream.rest()).map(({ state }) => state)).toEqual([
      { instance: { tags: [{ a: 1 }] } },
      { instance: { tags: [{ a: 3 }] } },
    ]);
  });

  test.each<[string, number, object]>([
    ['merge patches', 1, { mergePatch: { instance: { ram: 2, label: null } } }],
    [
      'JSON patches',
      2,
      {
        jsonPatch: {
          operations: [
            { op: 'remove', path: '/instance/label' },
            { op: 'replace', path: '/instance/ram', value: 2 },
          ],
        },
      },
    ],
  ])('sends %s if asked', async (_what, form, change) => {
    const { watcher } = answering(instance({ ram: 1, label: 'x' }), instance({ ram: 2 }));
    const stream = watcher.watch({ ...another(), form, until: 'instance.ram == 2' });
    const [first, second] = await stream.rest();
    expect(first).toMatchObject({ state: { instance: { ram: 1, label: 'x' } } });
    expect(second).toMatchObject({ ...change, reached: true });
  });

  test('sends a whole state where a merge patch cannot say it', async () => {
    const { watcher } = answering(instance({ ram: 1 }), instance({ ram: null }));
    const stream = watcher.watch({ ...another(), form: 1, until: 'instance.ram == null' });
    expect((await stream.rest())[1]).toMatchObject({ state: { instance: { ram: null } } });
  });

  test('ends with NOT_FOUND when the thing is gone, or with OK when the caller waited for that', async () => {
    const { watcher, client } = start();
    const [other, gone] = [watcher.watch(ofExample), watcher.watch({ ...ofExample, until: 'gone' })];
    await Promise.all([other.next(), gone.next()]);
    await client.ask('terminateInstance', { instance_id: EXAMPLE });
    expect(await failureOf(other.rest())).toMatchObject({
      code: 'NOT_FOUND',
      info: { reason: 'VULTR_NOT_FOUND' },
    });
    expect(await gone.rest()).toMatchObject([{ gone: true, reached: true }]);
  });

  test.each([
    'ready',
    'stopped',
    'instance.status == "active"',
    'instance.label == "x" && "active" == response.instance.status',
  ])('ends when the goal %s cannot be reached any more', async (until) => {
    const { watcher } = answering(
      instance({ status: 'pending', label: '' }),
      instance({ status: 'suspended', label: '' }),
    );
    const stream = watcher.watch({ ...another(), until });
    await stream.next();
    expect(await stream.next()).toMatchObject({ state: { instance: { status: 'suspended' } } });
    expect(await failureOf(stream.next())).toMatchObject(UNREACHABLE);
  });

  test('that is resumed at a state from which the goal cannot be reached ends with the same error', async () => {
    const { watcher } = answering(instance({ status: 'suspended' }));
    const request = { ...another(), until: 'ready' };
    const stream = watcher.watch(request);
    const last = await stream.next();
    expect(await failureOf(stream.next())).toMatchObject(UNREACHABLE);
    for (const _time of [1, 2]) {
      const resumed = watcher.watch({ ...request, lastId: last?.['id'] });
      expect(await failureOf(resumed.next())).toMatchObject(UNREACHABLE);
    }
  });

  test('that is resumed at such a state goes on when the thing has left it meanwhile', async () => {
    const { watcher } = answering(instance({ status: 'suspended' }), instance({ status: 'active' }), READY);
    const request = { ...another(), until: 'ready' };
    const stream = watcher.watch(request);
    const last = await stream.next();
    expect(await failureOf(stream.next())).toMatchObject(UNREACHABLE);
    const resumed = watcher.watch({ ...request, lastId: last?.['id'] });
    expect((await resumed.rest()).at(-1)).toMatchObject({ reached: true });
  });

  test('may wait for the failure itself', async () => {
    const { watcher } = answering(instance({ status: 'suspended' }));
    expect(await watcher.watch({ ...another(), until: 'failed' }).rest()).toMatchObject([{ reached: true }]);
  });

  test.each<[string, FakeAnswer]>([
    ['429', [429, { error: 'Rate limit reached', status: 429 }]],
    ['503', [503, { error: 'busy', status: 503 }]],
  ])('outlives a %s', async (_what, failing) => {
    const { watcher } = answering(instance({ ram: 1 }), failing, failing, instance({ ram: 2 }));
    expect(await watcher.watch({ ...another(), until: 'instance.ram == 2' }).rest()).toHaveLength(2);
  });

  test('fails with the breaker when Vultr fails before the first state', async () => {
    const upstream = await startFakeUpstream(() => [503, { error: 'busy', status: 503 }]);
    const { app } = await startService({ upstream: upstream.url });
    const watcher = connectWatch(app.grpcAddress);
    const codes = new Set<string>();
    for (let round = 0; round < 30 && !codes.has('BREAKER_OPEN'); round += 1)
      codes.add((await failureOf(watcher.watch(another()).next())).info?.reason ?? '');
    expect([...codes]).toContain('BREAKER_OPEN');
  });

  test('ends with the service: UNAVAILABLE, SHUTTING_DOWN', async () => {
    const { app } = await startOnSandbox();
    const stream = connectWatch(app.grpcAddress).watch(ofExample);
    await stream.next();
    const end = failureOf(stream.rest());
    await app.close();
    expect(await end).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'SHUTTING_DOWN' } });
  });

  test('ends with its deadline', async () => {
    const { watcher } = start();
    const stream = watcher.watch(ofExample, { deadline: Date.now() + 300 });
    await stream.next();
    expect((await failureOf(stream.rest())).code).toBe('DEADLINE_EXCEEDED');
  });

  test('goes on where another one broke off, without a gap', async () => {
    let ram = 1;
    answering(instance({}));
    answer = () => instance({ ram });
    const { watcher, upstream } = onFake();
    const request = another();
    const [first, other] = [watcher.watch(request), watcher.watch(request)];
    const [{ id } = {}] = [await first.next(), await other.next()];
    first.cancel();
    for (ram = 2; ram < 5; ) {
      expect(await other.next()).toMatchObject({ state: { instance: { ram } } });
      ram += 1;
    }
    other.cancel();
    const polls = upstream.received.length;
    await sleep(50);
    const resumed = watcher.watch({ ...request, lastId: id, form: 1, until: 'instance.ram == 5' });
    const rest = await resumed.rest();
    expect(rest.map(({ mergePatch }) => mergePatch)).toEqual(
      [2, 3, 4, 5].map((value) => ({ instance: { ram: value } })),
    );
    expect(rest.some(({ restarted }) => restarted)).toBe(false);
    expect(upstream.received.length).toBeGreaterThan(polls);
  });

  test('whose caller does not read gets the newest state, and the number of those missed', async () => {
    // 200 KB each, so that a caller that does not read is felt after a few.
    const filler = 'x'.repeat(200_000);
    answering(instance({}));
    answer = (index) => instance({ ram: index, filler });
    const { watcher, upstream } = onFake();
    const slow = watcher.watch(another());
    await slow.next();
    slow.pause();
    await upstream.arrived(300);
    slow.resume();
    let skipped = 0;
    for (let last = 0; skipped === 0; ) {
      const message = await slow.next();
      const ram = Number((message?.['state'] as { instance?: JsonObject } | undefined)?.instance?.['ram']);
      expect(ram).toBeGreaterThan(last);
      last = ram;
      skipped = Number(message?.['skipped'] ?? 0);
    }
    expect(skipped).toBeGreaterThan(100);
    slow.cancel();
  });

  test.each(['', 'no-such-id', '00000000-7'])(
    'says that it starts anew when it does not know %j',
    async (lastId) => {
      const { watcher } = answering(instance({ ram: 1 }));
      const message = await watcher.watch({ ...another(), lastId, until: 'instance.ram == 1' }).next();
      expect(message).toMatchObject({ state: {} });
      expect(message?.['restarted'] ?? false).toBe(lastId !== '');
    },
  );

  test('that got the last state before it broke off learns that it was the last', async () => {
    const { watcher } = answering(instance({ ram: 1 }));
    const request = another();
    const holder = watcher.watch(request);
    const { id } = (await holder.next()) ?? {};
    const resumed = watcher.watch({ ...request, lastId: id, until: 'instance.ram == 1' });
    expect(await resumed.rest()).toMatchObject([{ id, reached: true }]);
    holder.cancel();
  });
});

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { failureOf } from '../support/grpc-failure.ts';
import { startOnSandbox } from '../support/service.ts';

const REQUEST = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284', tags: ['mine'] };
const QUICK = { lag: { readMs: 0, listMs: 300 } };

type Instance = { readonly id: string; readonly tags: readonly string[]; readonly default_password?: string };

function instanceOf({ value }: { value: unknown }): Instance {
  return (value as { instance: Instance }).instance;
}

test('the same id returns the same instance, password and all', async () => {
  const { client, sandbox } = await startOnSandbox();
  const request = { ...REQUEST, request_id: randomUUID() };
  const first = await client.ask('createInstance', request);
  const second = await client.ask('createInstance', request);
  expect(second.value).toEqual(first.value);
  expect(instanceOf(first).default_password).toEqual(expect.any(String));
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('a creation carries a tag beside those of the caller, one without an id does not', async () => {
  const { client } = await startOnSandbox();
  const tagged = await client.ask('createInstance', { ...REQUEST, request_id: randomUUID() });
  const plain = await client.ask('createInstance', REQUEST);
  expect(instanceOf(tagged).tags).toEqual(['mine', expect.stringMatching(/^vultr-grpc-[0-9a-f]{20}$/)]);
  expect(instanceOf(plain).tags).toEqual(['mine']);
});

test('calls with the same id at the same time make one instance', async () => {
  const { client, sandbox } = await startOnSandbox();
  const request = { ...REQUEST, request_id: randomUUID() };
  const replies = await Promise.all(Array.from({ length: 50 }, () => client.ask('createInstance', request)));
  expect(new Set(replies.map((reply) => instanceOf(reply).id)).size).toBe(1);
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('the same id in the metadata names the same creation', async () => {
  const { client, sandbox } = await startOnSandbox();
  const id = randomUUID();
  await client.ask('createInstance', { ...REQUEST, request_id: id });
  await client.ask('createInstance', REQUEST, { metadata: { 'idempotency-key': id } });
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('the same id with another request is refused with the fields that differ', async () => {
  const { client, sandbox } = await startOnSandbox();
  const request_id = randomUUID();
  await client.ask('createInstance', { ...REQUEST, request_id });
  const failure = await failureOf(
    client.ask('createInstance', { ...REQUEST, plan: 'vc2-1c-2gb', label: 'x', request_id }),
  );
  expect(failure.code).toBe('ALREADY_EXISTS');
  expect(failure.info?.reason).toBe('IDEMPOTENCY_CONFLICT');
  expect(Object.keys(failure.violations)).toEqual(['label', 'plan']);
  expect(sandbox.state.instancesCreated).toBe(1);
});

test.each([
  ['a request_id that is not a UUID', { request_id: 'x' }, {}],
  ['a key with a space', {}, { 'idempotency-key': 'a b' }],
  ['two ids', { request_id: randomUUID() }, { 'idempotency-key': randomUUID() }],
])('%s is refused', async (_what, fields, metadata) => {
  const { client, sandbox } = await startOnSandbox();
  const failure = await failureOf(client.ask('createInstance', { ...REQUEST, ...fields }, { metadata }));
  expect(failure.code).toBe('INVALID_ARGUMENT');
  expect(sandbox.state.instancesCreated).toBe(0);
});

test('a refusal by Vultr leaves the id free', async () => {
  const { client, sandbox } = await startOnSandbox();
  const request_id = randomUUID();
  const failure = await failureOf(client.ask('createInstance', { ...REQUEST, plan: 'none', request_id }));
  expect(failure.info?.reason).toBe('VULTR_REFUSED');
  await client.ask('createInstance', { ...REQUEST, request_id });
  expect(sandbox.state.instancesCreated).toBe(1);
});

test.each([
  ['the connection is lost', { kind: 'drop-after' }],
  ['Vultr says 503', { kind: 'status', status: 503, after: true }],
  ['Vultr says 500', { kind: 'status', status: 500, after: true }],
  ['the response is cut off', { kind: 'cut-body' }],
  ['the response is not JSON', { kind: 'not-json' }],
] as const)('when %s after the instance was made, it is found', async (_what, fault) => {
  const { client, sandbox } = await startOnSandbox({}, QUICK);
  sandbox.faults.add({ method: 'POST', times: 1, ...fault });
  const request = { ...REQUEST, request_id: randomUUID() };
  const found = await client.ask('createInstance', request);
  expect(instanceOf(found).id).toBe(sandbox.state.instances().at(-1)?.['id']);
  const again = await client.ask('createInstance', request);
  expect(instanceOf(again).id).toBe(instanceOf(found).id);
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('without an id an ambiguous outcome is reported and not repeated', async () => {
  const { client, sandbox } = await startOnSandbox();
  sandbox.faults.add({ method: 'POST', kind: 'drop-after' });
  const failure = await failureOf(client.ask('createInstance', REQUEST));
  expect(failure.info?.reason).toBe('CREATE_UNCERTAIN');
  expect(failure.retryDelayMs).toBeUndefined();
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('with tags off, an ambiguous outcome stays unknown and nothing is made twice', async () => {
  const { client, sandbox } = await startOnSandbox({ isTagging: false }, QUICK);
  sandbox.faults.add({ method: 'POST', kind: 'drop-after', times: 1 });
  const request = { ...REQUEST, request_id: randomUUID() };
  for (let time = 0; time < 3; time += 1) {
    const failure = await failureOf(client.ask('createInstance', request));
    expect(failure.code).toBe('FAILED_PRECONDITION');
    expect(failure.info?.reason).toBe('CREATE_UNCERTAIN');
  }
  expect(sandbox.state.instancesCreated).toBe(1);
  expect(sandbox.state.instances().at(-1)?.['tags']).toEqual(['mine']);
});

test('a caller whose deadline comes first finds the instance by asking again', async () => {
  const { client, sandbox } = await startOnSandbox({}, QUICK);
  sandbox.faults.add({ method: 'POST', kind: 'slow-body', latencyMs: 1_500, times: 1 });
  const request = { ...REQUEST, request_id: randomUUID() };
  const failure = await failureOf(client.ask('createInstance', request, { deadline: Date.now() + 700 }));
  expect(failure.info?.reason).toBe('CREATE_UNCERTAIN');
  const found = await client.ask('createInstance', request);
  expect(instanceOf(found).id).toBe(sandbox.state.instances().at(-1)?.['id']);
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('a UUID in the header is the same id as in the request, in upper case too', async () => {
  const { sandbox, client } = await startOnSandbox();
  const id = '6F1C1C5E-9D2F-4A6B-8F3A-0D6F3C1B2A4E';
  const both = await client.ask(
    'createInstance',
    { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284, request_id: id },
    { metadata: { 'idempotency-key': id } },
  );
  const header = await client.ask(
    'createInstance',
    { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 },
    { metadata: { 'idempotency-key': id } },
  );
  expect(header.value).toEqual(both.value);
  expect(sandbox.state.instancesCreated).toBe(1);
});

test("the caller's one tag, in Vultr's older form, stays beside the correlation tag", async () => {
  const { client } = await startOnSandbox();
  const { value } = await client.ask('createInstance', {
    region: 'ams',
    plan: 'vc2-1c-1gb',
    os_id: 2284,
    tag: 'mine',
    request_id: '6f1c1c5e-9d2f-4a6b-8f3a-0d6f3c1b2a4f',
  });
  expect(value['instance']).toMatchObject({ tags: ['mine', expect.stringMatching(/^vultr-grpc-/)] });
});

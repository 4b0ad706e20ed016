import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const OWN = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284' };
const VULTRS = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284 };

type CreateWithKey = (key: string) => Promise<unknown>;

async function start() {
  const service = await startOnSandbox(
    { httpListen: { host: '127.0.0.1', port: 0 } },
    { lag: { readMs: 0, listMs: 0 } },
  );
  const call = connectAnyRpc(service.app.grpcAddress);
  const post = async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const { httpAddress = '' } = service.app;
    const reply = await sendHttp(httpAddress, 'POST', path, body, {
      authorization: `Bearer ${KEY}`,
      ...headers,
    });
    return { status: reply.status, value: JSON.parse(reply.text) };
  };
  const metadata = (key: string) => ({ 'idempotency-key': key });
  /** Every way to create an instance; each returns its id. */
  const doors: Readonly<Record<string, CreateWithKey>> = {
    'CloudService over gRPC': async (key) => {
      const { value } = await service.client.ask('createInstance', { ...OWN, request_id: key });
      return idOf(value);
    },
    '/api over HTTP': async (key) =>
      idOf(unpack((await post('/api/instance', { ...OWN, request_id: key })).value)),
    '/v2 over HTTP': async (key) => idOf((await post('/v2/instances', VULTRS, metadata(key))).value),
    'vultr.v2 over gRPC': async (key) =>
      idOf(await call('vultr.v2.InstancesService/CreateInstance', VULTRS, metadata(key))),
    'RawService over gRPC': async (key) =>
      idOf(
        await call(
          'vultr.v2.RawService/Call',
          { method: 'POST', path: '/v2/instances', body: VULTRS },
          metadata(key),
        ),
      ),
  };
  return { ...service, post, call, doors };
}

/** What /api wraps in an Any. */
function unpack(reply: { data?: { value?: unknown } }): unknown {
  return reply.data?.value ?? reply.data ?? reply;
}

function idOf(value: unknown): string {
  const id = (value as { instance?: { id?: unknown } } | null)?.instance?.id;
  if (typeof id !== 'string') throw new Error(`There is no instance in ${JSON.stringify(value)}.`);
  return id;
}

describe('a key is the same through every door', () => {
  test('one after the other', async () => {
    const { doors, sandbox } = await start();
    for (const first of Object.keys(doors)) {
      const key = randomUUID();
      const id = await doors[first]?.(key);
      for (const [name, create] of Object.entries(doors)) {
        expect(await create(key), `${first}, then ${name}`).toBe(id);
      }
    }
    expect(sandbox.state.instancesCreated).toBe(Object.keys(doors).length);
  });

  test('all at the same time', async () => {
    const { doors, sandbox } = await start();
    const key = randomUUID();
    const ids = await Promise.all(
      Array.from({ length: 5 }, () => Object.values(doors).map((create) => create(key))).flat(),
    );
    expect(ids).toHaveLength(25);
    expect(new Set(ids).size).toBe(1);
    expect(sandbox.state.instancesCreated).toBe(1);
  });

  test('with the response lost at the first', async () => {
    const { doors, sandbox } = await start();
    for (const first of Object.keys(doors)) {
      const key = randomUUID();
      sandbox.faults.add({ method: 'POST', kind: 'drop-after', times: 1 });
      const id = await doors[first]?.(key);
      for (const create of Object.values(doors)) expect(await create(key)).toBe(id);
    }
    expect(sandbox.state.instancesCreated).toBe(Object.keys(doors).length);
  });
});

test('another credential with the same key is another caller', async () => {
  const { doors, post, sandbox } = await start();
  const key = randomUUID();
  const id = await doors['/v2 over HTTP']?.(key);
  const other = await post('/v2/instances', VULTRS, {
    authorization: 'Bearer ANOTHER-KEY-0123456789-ABCDEFGHIJ',
    'idempotency-key': key,
  });
  expect(idOf(other.value)).not.toBe(id);
  expect(sandbox.state.instancesCreated).toBe(2);
});

describe('the same key for another operation', () => {
  test('is refused over HTTP and names the operation', async () => {
    const { doors, post, sandbox } = await start();
    const key = randomUUID();
    await doors['CloudService over gRPC']?.(key);
    const block = await post('/v2/blocks', { region: 'ams', size_gb: 40 }, { 'idempotency-key': key });
    expect(block.status).toBe(409);
    expect(block.value.error).toContain('operation');
    expect(sandbox.requests.list({ method: 'POST' })).toHaveLength(1);
  });

  test('is refused over gRPC and names the operation', async () => {
    const { doors, post, client, sandbox } = await start();
    const key = randomUUID();
    expect(
      (await post('/v2/blocks', { region: 'ams', size_gb: 40 }, { 'idempotency-key': key })).status,
    ).toBe(202);
    const failure = await failureOf(client.ask('createInstance', { ...OWN, request_id: key }));
    expect(failure.code).toBe('ALREADY_EXISTS');
    expect(failure.info?.reason).toBe('IDEMPOTENCY_CONFLICT');
    expect(Object.keys(failure.violations)).toContain('operation');
    expect(sandbox.state.instancesCreated).toBe(0);
    await expect(doors['/v2 over HTTP']?.(key)).rejects.toThrow('operation');
  });

  test('is refused while the first is under way', async () => {
    const { post, sandbox } = await start();
    const key = randomUUID();
    sandbox.faults.add({ method: 'POST', kind: 'latency', latencyMs: 1_000, times: 1 });
    const first = post('/v2/instances', VULTRS, { 'idempotency-key': key });
    await expect.poll(() => sandbox.requests.list({ method: 'POST' }).length).toBe(1);
    const other = await post('/v2/blocks', { region: 'ams', size_gb: 40 }, { 'idempotency-key': key });
    expect(other.status).toBe(409);
    expect((await first).status).toBe(202);
  });
});

test('a member named like something outside the body is a member of the body', async () => {
  const { post } = await start();
  const key = randomUUID();
  const create = (member: string) =>
    post('/v2/instances', { ...VULTRS, '@operation': member }, { 'idempotency-key': key });
  expect((await create('a')).status).toBeLessThan(300);
  const other = await create('b');
  expect(other.status).toBe(409);
  expect(other.value.error).toContain('@operation');
});

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';

const NEW = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124' };
const authorization = `Bearer ${KEY}`;

const opened = openForFile(async () => {
  const service = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  return { ...service, address: service.app.httpAddress ?? '' };
});

/** Without a reset: the sandbox would hand out the same ids again, which Vultr never does. */
const start = opened;

/** Lets the sandbox live fast while something goes on. */
async function meanwhile<T>(work: Promise<T>): Promise<T> {
  const { sandbox } = opened();
  const ticking = new AbortController();
  const tick = async (): Promise<void> => {
    while (!ticking.signal.aborted) {
      await sleep(10);
      sandbox.advance(1_000);
    }
  };
  const ticks = tick();
  try {
    return await work;
  } finally {
    ticking.abort();
    await ticks;
  }
}

describe('a creation whose caller prefers to wait', () => {
  test('ends when the thing is ready, and keeps what only the creation reveals', async () => {
    const { client } = start();
    const { value } = await meanwhile(
      client.ask('createInstance', NEW, { metadata: { prefer: 'wait=600' } }),
    );
    const instance = value['instance'] as Record<string, unknown>;
    expect(instance).toMatchObject({ status: 'active', server_status: 'ok', power_status: 'running' });
    expect(instance['main_ip']).not.toBe('0.0.0.0');
    expect(instance['default_password']).toMatch(/./);
  });

  test.each([
    ['a field says so', {}],
    ['a field and the metadata say so', { prefer: 'wait=600' }],
  ])('waits when %s', async (_where, metadata) => {
    const { client } = start();
    const { value } = await meanwhile(client.ask('createInstance', { ...NEW, wait: 600 }, { metadata }));
    expect(value['instance']).toMatchObject({ server_status: 'ok' });
  });

  test('says so in a field over HTTP, where CloudService replies with 202 when time is up', async () => {
    const { address } = start();
    const body = { ...NEW, accessToken: KEY, requestId: randomUUID() };
    const early = await sendHttp(address, 'POST', '/api/instance', { ...body, wait: 1 });
    expect(early.status).toBe(202);
    expect(early.headers).toMatchObject({ 'retry-after': '1' });
    expect(early.headers).not.toHaveProperty('preference-applied');
    const ready = await meanwhile(sendHttp(address, 'POST', '/api/instance', { ...body, wait: 600 }));
    expect(ready.status).toBe(200);
    expect(ready.headers).toMatchObject({ 'preference-applied': 'wait=600' });
    expect(JSON.parse(ready.text).data.value.instance).toMatchObject({ server_status: 'ok' });
  });

  test('does the same over HTTP, with the status and form of Vultr', async () => {
    const { address } = start();
    const body = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 124 };
    const reply = await meanwhile(
      sendHttp(address, 'POST', '/v2/instances', body, { authorization, prefer: 'respond-async, wait=600' }),
    );
    expect(reply.status).toBe(202);
    expect(reply.headers).toMatchObject({ 'preference-applied': 'wait=600' });
    expect(reply.headers).not.toHaveProperty('retry-after');
    expect(JSON.parse(reply.text)).toMatchObject({
      instance: { server_status: 'ok', default_password: expect.any(String) },
    });
  });

  test('outlives reads that fail at first', async () => {
    const failing: FakeAnswer = [503, { error: 'busy', status: 503 }];
    const made = { id: 'a5b1d6b1-8b4f-4a5e-9a1e-1f2a3b4c5d6e', status: 'pending' };
    let reads = 0;
    const upstream = await startFakeUpstream(({ method }) => {
      if (method === 'POST') return [202, { snapshot: made }];
      reads += 1;
      return reads <= 5 ? failing : [200, { snapshot: { ...made, status: 'complete' } }];
    });
    const { app } = await startService({
      upstream: upstream.url,
      httpListen: { host: '127.0.0.1', port: 0 },
    });
    const reply = await sendHttp(
      app.httpAddress ?? '',
      'POST',
      '/v2/snapshots',
      { instance_id: made.id },
      { authorization, prefer: 'wait=60' },
    );
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([202, { snapshot: { status: 'complete' } }]);
    expect(reads).toBeGreaterThan(5);
  });

  test('ends with UNAVAILABLE and the id when time is up, and goes on when it is repeated', async () => {
    const { client, sandbox } = start();
    const before = sandbox.state.instancesCreated;
    const request = { ...NEW, request_id: randomUUID() };
    const failure = await failureOf(
      client.ask('createInstance', request, { metadata: { prefer: 'wait=1' } }),
    );
    expect(failure).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'NOT_READY_YET' } });
    const id = failure.info?.metadata['id'];
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const again = client.ask('createInstance', request, { metadata: { prefer: 'wait=600' } });
    const { value } = await meanwhile(again);
    expect(value['instance']).toMatchObject({ id, server_status: 'ok' });
    expect(sandbox.state.instancesCreated).toBe(before + 1);
  });

  test('ends with 202 and the response of the creation over HTTP when time is up', async () => {
    const { address, sandbox } = start();
    const before = sandbox.state.instancesCreated;
    const body = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 124 };
    const headers = { authorization, prefer: 'wait=1', 'idempotency-key': 'a' };
    const reply = await sendHttp(address, 'POST', '/v2/instances', body, headers);
    expect(reply.status).toBe(202);
    expect(reply.headers).toMatchObject({ 'retry-after': '1' });
    expect(reply.headers).not.toHaveProperty('preference-applied');
    const { instance } = JSON.parse(reply.text);
    expect(instance).toMatchObject({ status: 'pending' });
    const again = await meanwhile(
      sendHttp(address, 'POST', '/v2/instances', body, { ...headers, prefer: 'wait=600' }),
    );
    expect(JSON.parse(again.text)).toMatchObject({ instance: { id: instance.id, server_status: 'ok' } });
    expect(sandbox.state.instancesCreated).toBe(before + 1);
  });

  test('waits for what another path than its own reads', async () => {
    const { address } = start();
    const post = async (path: string, body: object) => {
      const reply = await meanwhile(
        sendHttp(address, 'POST', path, body, { authorization, prefer: 'wait=600' }),
      );
      return [reply.status, JSON.parse(reply.text)] as const;
    };
    const image = await post('/v2/snapshots/create-from-url', { url: 'https://example.com/disk.raw' });
    expect(image).toMatchObject([202, { snapshot: { status: 'complete' } }]);
    const plan = 'vultr-dbaas-startup-cc-1-55-2';
    const [, { database }] = await post('/v2/databases', {
      database_engine: 'pg',
      database_engine_version: '15',
      region: 'ewr',
      plan,
      label: 'source',
    });
    for (const [action, fields] of [
      ['read-replica', {}],
      ['fork', { plan }],
      ['restore', {}],
    ] as const) {
      const body = { label: action, ...(action === 'restore' ? {} : { region: 'ewr' }), ...fields };
      const made = await post(`/v2/databases/${database.id}/${action}`, body);
      expect(made).toMatchObject([200, { database: { status: 'Running', label: action } }]);
    }
  });

  test('does not wait for things that are ready at once', async () => {
    const { address } = start();
    const body = {
      name: 'key',
      ssh_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfbmZ3xV0p5tJr1ZkY0y8lZ4o3rN7W5l9d2b1o4kQ0J a@b',
    };
    const reply = await sendHttp(address, 'POST', '/v2/ssh-keys', body, {
      authorization,
      prefer: 'wait=600',
    });
    expect(reply.status).toBe(201);
    expect(reply.headers).toMatchObject({ 'preference-applied': 'wait=600' });
  });

  test.each([
    [{ wait: -1 }, {}, /0 to 86400/],
    [{ wait: 86_401 }, {}, /0 to 86400/],
    [{ wait: 600 }, { prefer: 'wait=60' }, /Differs/],
  ])('is refused when its field says %o beside %o', async (field, metadata, description) => {
    const { client, sandbox } = start();
    const before = sandbox.state.instancesCreated;
    const failure = await failureOf(client.ask('createInstance', { ...NEW, ...field }, { metadata }));
    expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(failure.violations['wait']).toMatch(description);
    expect(sandbox.state.instancesCreated).toBe(before);
  });

  test.each(['wait=', 'wait=soon', 'wait=-1'])(
    'is refused when the wish cannot be read: %s',
    async (prefer) => {
      const { client, sandbox } = start();
      const before = sandbox.state.instancesCreated;
      const failure = await failureOf(client.ask('createInstance', NEW, { metadata: { prefer } }));
      expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(failure.violations['prefer']).toMatch(/seconds/);
      expect(sandbox.state.instancesCreated).toBe(before);
    },
  );
});

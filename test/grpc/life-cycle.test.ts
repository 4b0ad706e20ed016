import { expect, test } from 'vitest';
import { failureOf } from '../support/grpc-failure.ts';
import { startOnSandbox } from '../support/service.ts';

/** An instance's states, in order, each once. */
const STATES = [
  ['pending', 'none', '0.0.0.0'],
  ['pending', 'none', 'an address'],
  ['active', 'installingbooting', 'an address'],
  ['active', 'ok', 'an address'],
];

test('an instance is created, watched until it is ready, halted, started, rebooted, terminated and gone', async () => {
  // 40 s of booting pass in 4 s, so that a busy machine misses none of the states.
  const { client, sandbox } = await startOnSandbox({}, { timeScale: 10 });

  const created = await client.ask('createInstance', {
    region: 'ams',
    plan: 'vc2-1c-1gb',
    image_id: '124',
    hostname: 'test',
  });
  const { id: instance_id, ...instance } = created.value['instance'] as Record<string, string>;
  expect(instance).toMatchObject({ region: 'ams', main_ip: '0.0.0.0', status: 'pending', hostname: 'test' });
  expect(instance['default_password']).toMatch(/./);
  if (instance_id === undefined) throw new Error('the instance has no id');

  const until = { status: 'active', server_status: 'ok' };
  const seen = await client.watch({ instance_id, until }).rest();
  expect(
    seen.map(({ status, server_status, main_ip }) => [
      status,
      server_status,
      main_ip === '0.0.0.0' ? main_ip : 'an address',
    ]),
  ).toEqual(STATES);
  expect(seen.at(-1)).not.toHaveProperty('default_password');

  const halting = client.watch({ instance_id, until: { power_status: 'stopped' } });
  expect(await halting.next()).toMatchObject({ power_status: 'running' });
  expect((await client.ask('haltInstance', { instance_id })).value).toEqual({});
  expect((await halting.rest()).at(-1)).toMatchObject({ power_status: 'stopped' });

  expect((await client.ask('startInstance', { instance_id })).value).toEqual({});
  const running = await client.watch({ instance_id, until: { power_status: 'running' } }).rest();
  expect(running.at(-1)).toMatchObject({ power_status: 'running' });
  expect((await client.ask('rebootInstance', { instance_id })).value).toEqual({});

  const listed = await client.ask('listInstances', { hostname: 'test' });
  expect(listed.value).toMatchObject({
    instances: [{ id: instance_id }],
    meta: { Links: { next: '', prev: '' }, total: 1 },
  });

  const leaving = client.watch({ instance_id, until: { gone: true } });
  expect(await leaving.next()).toMatchObject({ id: instance_id });
  expect((await client.ask('terminateInstance', { instance_id })).value).toEqual({});
  expect(await leaving.next()).toBeUndefined();
  expect(await failureOf(client.ask('getInstance', { instance_id }))).toMatchObject({
    code: 'NOT_FOUND',
    info: { reason: 'VULTR_NOT_FOUND', domain: 'vultr.com' },
  });
  expect(sandbox.state.instancesCreated).toBe(1);
});

test('an instance that is locked refuses what is done to it, with a reason that a program can read', async () => {
  const { client } = await startOnSandbox({}, { lag: { readMs: 0 } });
  const { value } = await client.ask('createInstance', {
    region: 'ams',
    plan: 'vc2-1c-1gb',
    image_id: '124',
  });
  const { id } = value['instance'] as { id: string };
  for (const rpc of ['haltInstance', 'startInstance', 'rebootInstance', 'terminateInstance'] as const) {
    const failure = await failureOf(client.ask(rpc, { instance_id: id }));
    expect(failure).toMatchObject({
      code: 'FAILED_PRECONDITION',
      info: { reason: 'VULTR_LOCKED', domain: 'vultr.com', metadata: { http_status: '500' } },
    });
    expect(failure.message).toContain('Server is currently locked');
  }
});

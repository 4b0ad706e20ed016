import { describe, expect, test } from 'vitest';
import { sandboxFor, VALID_CREATE } from './client.ts';

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const UUID_V4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** A sandbox whose time stands still but for `advance`. */
const frozen = (options = {}) => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 }, ...options });

describe('the life of an instance', () => {
  test('pending without address, address, active and installing, ok', async () => {
    const { sandbox, call } = await frozen();
    const created = await call('POST /v2/instances', { body: VALID_CREATE });
    expect(created.status).toBe(202);
    const { id, default_password: password } = created.json.instance;
    expect(id).toMatch(UUID_V4);
    expect(password).not.toBe('');
    const fresh = { status: 'pending', power_status: 'running', server_status: 'none', main_ip: '0.0.0.0' };
    expect(created.json.instance).toMatchObject({
      ...fresh,
      os: 'Debian 12 x64 (bookworm)',
      region: 'ams',
      ram: 1024,
    });

    const seen: unknown[] = [];
    for (let step = 0; step < 9; step++) {
      const { status, json } = await call(`GET /v2/instances/${id}`);
      seen.push(status === 404 ? json.error : [json.instance.status, json.instance.server_status]);
      if (status === 200) {
        expect(json.instance).not.toHaveProperty('default_password');
        expect(json.instance.main_ip === '0.0.0.0').toBe(step < 2);
      }
      sandbox.advance(5000);
    }
    expect(seen).toEqual([
      'instance not found',
      ...Array(3).fill(['pending', 'none']),
      ...Array(4).fill(['active', 'installingbooting']),
      ['active', 'ok'],
    ]);
  });

  test('lists lag behind reading by id', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/instances', { body: VALID_CREATE })).json.instance;
    const visible = async () => [
      (await call(`GET /v2/instances/${id}`)).status,
      (await call('GET /v2/instances?label=web')).json.meta.total,
    ];
    expect(await visible()).toEqual([404, 0]);
    sandbox.advance(1500);
    expect(await visible()).toEqual([200, 0]);
    sandbox.advance(1500);
    expect(await visible()).toEqual([200, 1]);
  });

  test('halt, start and reboot show after a moment; a halted machine stays active', async () => {
    const { sandbox, call } = await frozen();
    const power = async (verb: string) => {
      const { status, text } = await call(`POST /v2/instances/${RUNNING}/${verb}`);
      expect([status, text]).toEqual([204, '']);
      sandbox.advance(1000);
      const { instance } = (await call(`GET /v2/instances/${RUNNING}`)).json;
      return [instance.status, instance.power_status];
    };
    expect(await power('halt')).toEqual(['active', 'stopped']);
    expect(await power('start')).toEqual(['active', 'running']);
    expect(await power('reboot')).toEqual(['active', 'running']);
  });

  test('many are halted and started by one call, or none when one is missing', async () => {
    const { sandbox, call } = await frozen();
    const ids = (await call('GET /v2/instances')).json.instances.map(({ id }: { id: string }) => id);
    const states = async () => {
      sandbox.advance(1000);
      return (await call('GET /v2/instances')).json.instances.map(
        (each: { power_status: string }) => each.power_status,
      );
    };
    expect((await call('POST /v2/instances/start', { body: { instance_ids: ids } })).status).toBe(204);
    expect(await states()).toEqual(['running', 'running']);
    expect((await call('POST /v2/instances/halt', { body: { instance_ids: [...ids, 'x'] } })).status).toBe(
      404,
    );
    expect(await states()).toEqual(['running', 'running']);
    expect((await call('POST /v2/instances/halt', { body: {} })).status).toBe(400);
  });

  test('deleting returns 204, then it is gone; while it is being made it is locked', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/instances', { body: VALID_CREATE })).json.instance;
    sandbox.advance(2000);
    const locked = await call(`DELETE /v2/instances/${id}`);
    expect(locked.json).toEqual({
      error: 'Unable to destroy server: Unable to remove VM: Server is currently locked',
      status: 500,
    });
    sandbox.advance(38_000);
    const deleted = await call(`DELETE /v2/instances/${id}`);
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    expect((await call(`GET /v2/instances/${id}`)).json).toEqual({
      error: 'instance not found',
      status: 404,
    });
    expect((await call(`DELETE /v2/instances/${id}`)).json).toEqual({
      error: 'Invalid instance-id.',
      status: 404,
    });
    expect(sandbox.state.instancesCreated).toBe(1);
  });

  test('reinstall locks, installs and ends ok', async () => {
    const { sandbox, call } = await frozen();
    const reply = await call(`POST /v2/instances/${RUNNING}/reinstall`, { body: { hostname: 'anew' } });
    expect([reply.status, reply.json.instance]).toMatchObject([
      202,
      { hostname: 'anew', server_status: 'locked' },
    ]);
    const again = await call(`POST /v2/instances/${RUNNING}/reinstall`);
    expect(again.json).toEqual({
      error: 'Unable to reinstall server: Server is currently locked',
      status: 500,
    });
    sandbox.advance(40_000);
    expect((await call(`GET /v2/instances/${RUNNING}`)).json.instance.server_status).toBe('ok');
  });

  test('a plan change is a job that ends, upward only', async () => {
    const { sandbox, call } = await frozen();
    const down = await call(`PATCH /v2/instances/${RUNNING}`, { body: { plan: 'vc2-1c-1gb' } });
    expect(down.json).toEqual({ error: 'Invalid plan chosen.', status: 400 });
    const up = await call(`PATCH /v2/instances/${RUNNING}`, {
      body: { plan: 'vc2-2c-4gb', label: 'big', tags: ['a', 'b'] },
    });
    expect(up.status).toBe(202);
    expect(up.json.instance).toMatchObject({
      status: 'resizing',
      plan: 'vc2-1c-2gb',
      label: 'big',
      tags: ['a', 'b'],
    });
    const job = `GET /v2/instances/jobs/${up.json.job_ids[0]}`;
    expect((await call(job)).json.job).toMatchObject({
      type: 'UPGRADE',
      state: 'processing',
      vps_id: RUNNING,
    });
    sandbox.advance(20_000);
    expect((await call(job)).json.job.state).toBe('success');
    expect((await call(`GET /v2/instances/${RUNNING}`)).json.instance).toMatchObject({
      plan: 'vc2-2c-4gb',
      ram: 4096,
    });
  });

  test('timeScale makes it quick', async () => {
    const { sandbox, call } = await sandboxFor({ timeScale: 100_000 });
    const { id } = (await call('POST /v2/instances', { body: VALID_CREATE })).json.instance;
    await expect
      .poll(async () => (await call(`GET /v2/instances/${id}`)).json.instance?.server_status)
      .toBe('ok');
    expect(sandbox.state.instances().map((each) => each['id'])).toContain(id);
  });
});

describe('creating', () => {
  const { os_id: _, ...withoutSource } = VALID_CREATE;
  test.each([
    ['no region', { plan: 'vc2-1c-1gb', os_id: 2136 }, 'Bad request.'],
    ['no plan', { region: 'ams', os_id: 2136 }, 'Bad request.'],
    ['no body', undefined, 'Bad request.'],
    ['an unknown plan', { ...VALID_CREATE, plan: 'vc9' }, 'Invalid plan chosen.'],
    ['an unknown region', { ...VALID_CREATE, region: 'xyz' }, 'Invalid region.'],
    [
      'a plan not sold there',
      { ...VALID_CREATE, region: 'hnl' },
      'Plan is not available in the selected region',
    ],
    ['no source', withoutSource, 'Cannot add instance. Invalid os_id'],
    ['an unknown os', { ...VALID_CREATE, os_id: 9 }, 'Cannot add instance. Invalid os_id'],
    ['a pseudo os', { ...VALID_CREATE, os_id: 164 }, 'Cannot add instance. Specified os_id not available'],
    ['an unknown application', { ...withoutSource, app_id: 9 }, 'Cannot add instance. Invalid app_id'],
    ['an unknown image', { ...withoutSource, image_id: 'no-such' }, 'Cannot add instance. Invalid image_id'],
    ['two sources', { ...VALID_CREATE, app_id: 29 }, 'Only one of os_id, app_id may be given.'],
    [
      'too little memory',
      { region: 'ewr', plan: 'vc2-1c-0.5gb', os_id: 240 },
      'Windows 2016 Standard x64 requires a plan with at least 1024 MB memory',
    ],
    ['an unknown ssh key', { ...VALID_CREATE, sshkey_id: ['x'] }, 'Invalid ssh key.'],
    ['a wrong type', { ...VALID_CREATE, sshkey_id: 'x' }, 'Invalid sshkey_id.'],
    ['user data in clear', { ...VALID_CREATE, user_data: '#!/bin/sh' }, 'user_data must be base64 encoded'],
  ])('%s is refused and costs nothing', async (_name, body, error) => {
    const { sandbox, call } = await sandboxFor();
    const reply = await call('POST /v2/instances', { body });
    expect(reply.json).toEqual({ error, status: 400 });
    expect(sandbox.state.instancesCreated).toBe(0);
  });

  test.each([
    ['app_id', 29, { os_id: 186, app_id: 29 }],
    ['image_id', 'openlitespeed-rails', { os_id: 186, image_id: 'openlitespeed-rails' }],
    ['os_id', 124, { os_id: 124 }],
    ['os_id', 1797, { os_id: 1797 }],
    ['os_id', 159, { os_id: 159 }],
  ])('%s %s is a source', async (name, value, expected) => {
    const { call } = await sandboxFor();
    const reply = await call('POST /v2/instances', { body: { ...withoutSource, [name]: value } });
    expect([reply.status, reply.json.instance]).toMatchObject([202, expected]);
  });

  test('the same create twice makes two machines', async () => {
    const { sandbox, call } = await sandboxFor();
    for (let count = 0; count < 2; count++) await call('POST /v2/instances', { body: VALID_CREATE });
    expect(sandbox.state.instancesCreated).toBe(2);
    expect(sandbox.state.instances().filter((each) => each['label'] === 'web')).toHaveLength(2);
  });

  test('the sandbox is bounded', async () => {
    const { call } = await sandboxFor({ maxInstances: 3 });
    expect((await call('POST /v2/instances', { body: VALID_CREATE })).status).toBe(202);
    const full = await call('POST /v2/instances', { body: VALID_CREATE });
    expect([full.status, full.json.error]).toEqual([400, expect.stringContaining('at most 3 instances')]);
  });

  test('IPv6 comes with its features, tag and tags agree, filters find it', async () => {
    const { sandbox, call } = await frozen();
    const body = { ...VALID_CREATE, enable_ipv6: true, tag: 'blue', backups: 'enabled', user_data: 'aGk=' };
    const { id } = (await call('POST /v2/instances', { body })).json.instance;
    sandbox.advance(40_000);
    const { instances } = (await call('GET /v2/instances?tag=blue&region=ams&show_pending_charges=true'))
      .json;
    expect(instances).toHaveLength(1);
    expect(instances[0]).toMatchObject({
      id,
      tags: ['blue'],
      features: ['auto_backups', 'ipv6'],
      pending_charges: 0.01,
    });
    expect(instances[0].v6_main_ip).toMatch(/^2001:19f0:/);
    expect((await call(`GET /v2/instances/${id}/ipv6`)).json.ipv6s).toHaveLength(1);
    expect((await call(`GET /v2/instances/${id}/ipv4`)).json.ipv4s[0].ip).toBe(instances[0].main_ip);
    expect((await call(`GET /v2/instances/${id}/user-data`)).json).toEqual({ user_data: { data: 'aGk=' } });
    expect((await call('GET /v2/instances?region=fra')).json.meta.total).toBe(0);
  });
});

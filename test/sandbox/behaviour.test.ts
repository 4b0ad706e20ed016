import { describe, expect, test } from 'vitest';
import { sandboxFor, VALID_CREATE } from './client.ts';

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PROVISION_MS = 10_000;
/** Monday, 21 September 2026, 14:13:20 UTC. */
const NOW_MS = 1_790_000_000_000;

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => NOW_MS } });
const refusal = (error: string, status = 400) => ({ error, status });
const MAC_TEXT = expect.stringMatching(/^5a:02:00(:[\da-f]{2}){3}$/);

describe('VPCs of machines', () => {
  test('hardware addresses in a VPC are texts, for instances', async () => {
    const { call } = await frozen();
    const vpc = (await call('POST /v2/vpcs', { body: { region: 'ewr' } })).json.vpc;
    await call(`POST /v2/instances/${RUNNING}/vpcs/attach`, { body: { vpc_id: vpc.id } });
    expect((await call(`GET /v2/instances/${RUNNING}/vpcs`)).json.vpcs[0].mac_address).toEqual(MAC_TEXT);
    expect((await call(`GET /v2/vpcs/${vpc.id}/attachments`)).json.attachments[0].mac_address).toEqual(
      MAC_TEXT,
    );
    expect((await call(`GET /v2/instances/${RUNNING}`)).json.instance.vpcs).toMatchObject([
      { id: vpc.id, subnet: vpc.v4_subnet },
    ]);
  });

  test('bare metal shows its VPC, its power and its serial number; its own hardware address is a number', async () => {
    const { sandbox, call } = await frozen();
    const vpc = (await call('POST /v2/vpcs', { body: { region: 'ewr' } })).json.vpc;
    const body = { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136, attach_vpc: [vpc.id] };
    const { id } = (await call('POST /v2/bare-metals', { body })).json.bare_metal;
    sandbox.advance(PROVISION_MS);
    expect((await call(`GET /v2/bare-metals/${id}`)).json.bare_metal).toMatchObject({
      mac_address: expect.any(Number),
      power_status: 'running',
      v_serial: expect.any(String),
      vpcs: [{ id: vpc.id, subnet: vpc.v4_subnet }],
    });
    expect((await call(`GET /v2/bare-metals/${id}/vpcs`)).json.vpcs[0].mac_address).toEqual(MAC_TEXT);
    const elsewhere = { ...body, attach_vpc: [RUNNING] };
    expect((await call('POST /v2/bare-metals', { body: elsewhere })).json).toEqual(refusal('VPC not found.'));
  });

  test('a Kubernetes cluster shows its VPC, and its nodes their private addresses', async () => {
    const { sandbox, call } = await frozen();
    const vpc = (await call('POST /v2/vpcs', { body: { region: 'ewr' } })).json.vpc;
    const pools = [{ node_quantity: 1, label: 'web', plan: 'vc2-1c-2gb' }];
    const body = { label: 'c', region: 'ewr', version: 'v1.34.7+1', node_pools: pools, vpc_id: vpc.id };
    const { id } = (await call('POST /v2/kubernetes/clusters', { body })).json.vke_cluster;
    sandbox.advance(PROVISION_MS);
    const { vke_cluster: cluster } = (await call(`GET /v2/kubernetes/clusters/${id}`)).json;
    expect(cluster.vpcs).toEqual([{ id: vpc.id, subnet: vpc.v4_subnet }]);
    expect(cluster.node_pools[0].nodes[0].private_ip).toMatch(/^10\./);
  });
});

test('the traffic of the account is counted in whole gigabytes', async () => {
  const { call } = await frozen();
  const { current_month_to_date: month } = (await call('GET /v2/account/bandwidth')).json.bandwidth;
  for (const name of ['gb_in', 'gb_out', 'total_instance_hours']) {
    expect(month[name]).toSatisfy(Number.isInteger);
  }
});

describe('load balancers', () => {
  test('global regions are objects in responses, whatever the request had', async () => {
    const { sandbox, call } = await frozen();
    const body = { region: 'ewr', global_regions: ['ams', { region_id: 'fra', vpc_id: 'v' }] };
    const created = (await call('POST /v2/load-balancers', { body })).json.load_balancer;
    expect(created.global_regions).toEqual([
      { region_id: 'ams', vpc_id: '' },
      { region_id: 'fra', vpc_id: 'v' },
    ]);
    sandbox.advance(PROVISION_MS);
    const path = `/v2/load-balancers/${created.id}`;
    await call(`PATCH ${path}`, { body: { global_regions: ['sgp'] } });
    expect((await call(`GET ${path}`)).json.load_balancer.global_regions).toEqual([
      { region_id: 'sgp', vpc_id: '' },
    ]);
    const unknown = await call(`PATCH ${path}`, { body: { global_regions: ['xxx'] } });
    expect(unknown.json).toEqual(refusal('Invalid region.'));
  });

  test('part of a health check leaves the rest alone; rules for forwarding replace those before', async () => {
    const { sandbox, call } = await frozen();
    const rule = (port: number) => ({
      frontend_protocol: 'tcp',
      frontend_port: port,
      backend_protocol: 'tcp',
      backend_port: port,
    });
    const body = { region: 'ewr', health_check: { port: 8080 }, forwarding_rules: [rule(80), rule(81)] };
    const { id } = (await call('POST /v2/load-balancers', { body })).json.load_balancer;
    sandbox.advance(PROVISION_MS);
    const change = { health_check: { path: '/up' }, forwarding_rules: [rule(443)] };
    expect((await call(`PATCH /v2/load-balancers/${id}`, { body: change })).status).toBe(204);
    const { load_balancer: balancer } = (await call(`GET /v2/load-balancers/${id}`)).json;
    expect(balancer.health_check).toMatchObject({
      port: 8080,
      path: '/up',
      protocol: 'http',
      check_interval: 15,
    });
    expect(balancer.forwarding_rules).toEqual([{ ...rule(443), id: expect.any(String) }]);
  });

  test('names and addresses of the nodes appear when it is active; their number is odd', async () => {
    const { sandbox, call } = await frozen();
    const body = { region: 'ewr', nodes: 3, global_regions: ['ams'] };
    const created = (await call('POST /v2/load-balancers', { body })).json.load_balancer;
    expect(created).toMatchObject({ cname: '', global_cname: '', node_ips: { v4: [], v6: [], private: [] } });
    sandbox.advance(PROVISION_MS);
    const { load_balancer: balancer } = (await call(`GET /v2/load-balancers/${created.id}`)).json;
    expect([balancer.cname, balancer.global_cname]).not.toContain('');
    for (const kind of ['v4', 'v6', 'private']) expect(balancer.node_ips[kind]).toHaveLength(3);
    const even = await call('POST /v2/load-balancers', { body: { region: 'ewr', nodes: 2 } });
    expect(even.json).toEqual(refusal('Invalid nodes. Must be an odd number from 1 to 99.'));
  });
});

describe('backup schedules', () => {
  const PATH = `/v2/instances/${RUNNING}/backup-schedule`;

  test.each([
    [{ type: 'daily', hour: 20 }, '2026-09-21 20:00:00'],
    [{ type: 'daily', hour: 3, dow: 0, dom: 0 }, '2026-09-22 03:00:00'],
    [{ type: 'weekly', hour: 20, dow: 2 }, '2026-09-21 20:00:00'],
    [{ type: 'weekly', hour: 3, dow: 2 }, '2026-09-28 03:00:00'],
    [{ type: 'weekly', hour: 3, dow: 1, dom: 0 }, '2026-09-27 03:00:00'],
    [{ type: 'monthly', hour: 3, dom: 21 }, '2026-10-21 03:00:00'],
    [{ type: 'monthly', hour: 3, dom: 28 }, '2026-09-28 03:00:00'],
    [{ type: 'daily_alt_even', hour: 20 }, '2026-09-22 20:00:00'],
    [{ type: 'daily_alt_odd', hour: 20 }, '2026-09-21 20:00:00'],
  ])('%j has its next backup at %s', async (body, next) => {
    const { call } = await frozen();
    await call(`PATCH /v2/instances/${RUNNING}`, { body: { backups: 'enabled' } });
    expect((await call(`POST ${PATH}`, { body })).status).toBe(200);
    const { backup_schedule: schedule } = (await call(`GET ${PATH}`)).json;
    expect(schedule).toMatchObject({ enabled: true, type: body.type, next_scheduled_time_utc: next });
    expect([schedule.dow, schedule.dom]).not.toContain(0);
  });

  test.each([
    { type: 'weekly', dow: 0 },
    { type: 'monthly', dom: 0 },
    { type: 'monthly', dom: 29 },
  ])('%j is refused', async (body) => {
    const { call } = await frozen();
    await call(`PATCH /v2/instances/${RUNNING}`, { body: { backups: 'enabled' } });
    expect((await call(`POST ${PATH}`, { body })).json).toEqual(refusal('Bad request.'));
  });

  test('the schedule goes when backups are disabled', async () => {
    const { call } = await frozen();
    const change = (backups: string) => call(`PATCH /v2/instances/${RUNNING}`, { body: { backups } });
    await change('enabled');
    await call(`POST ${PATH}`, { body: { type: 'weekly', hour: 5, dow: 3 } });
    expect((await change('disabled')).json.instance.features).not.toContain('auto_backups');
    expect((await call(`GET ${PATH}`)).json.backup_schedule).toEqual({
      enabled: false,
      type: '',
      next_scheduled_time_utc: '',
      hour: 0,
      dow: 0,
      dom: 0,
    });
    await change('enabled');
    expect((await call(`GET ${PATH}`)).json.backup_schedule).toMatchObject({ enabled: true, type: 'daily' });
    expect((await change('perhaps')).json).toEqual(refusal('Invalid backups.'));
  });
});

test('read replicas are shown by their primary until they are promoted', async () => {
  const { call } = await frozen();
  const plan = 'vultr-dbaas-startup-cc-1-55-2';
  const body = { database_engine: 'pg', database_engine_version: '16', region: 'ewr', plan, label: 'd' };
  const { id } = (await call('POST /v2/databases', { body })).json.database;
  const asked = { body: { region: 'ams', label: 'copy' } };
  const replica = (await call(`POST /v2/databases/${id}/read-replica`, asked)).json.database;
  const replicas = async () => (await call(`GET /v2/databases/${id}`)).json.database.read_replicas;
  expect(await replicas()).toMatchObject([
    { id: replica.id, label: 'copy', region: 'ams', read_replicas: [] },
  ]);
  await call(`POST /v2/databases/${replica.id}/promote-read-replica`);
  expect(await replicas()).toEqual([]);
});

describe('user data', () => {
  const WRONG = { user_data: '#!/bin/sh' };
  const REFUSED = refusal('user_data must be base64 encoded');

  test('must be base64 on a change of an instance; the empty text clears it', async () => {
    const { sandbox, call } = await frozen();
    const body = { ...VALID_CREATE, user_data: 'aGk=' };
    const { id } = (await call('POST /v2/instances', { body })).json.instance;
    sandbox.advance(60_000);
    expect((await call(`PATCH /v2/instances/${id}`, { body: WRONG })).json).toEqual(REFUSED);
    const read = async () => (await call(`GET /v2/instances/${id}/user-data`)).json.user_data.data;
    expect(await read()).toBe('aGk=');
    expect((await call(`PATCH /v2/instances/${id}`, { body: { user_data: '' } })).status).toBe(202);
    expect(await read()).toBe('');
  });

  test('must be base64 for bare metal, on create and on change', async () => {
    const { sandbox, call } = await frozen();
    const body = { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136 };
    expect((await call('POST /v2/bare-metals', { body: { ...body, ...WRONG } })).json).toEqual(REFUSED);
    const created = await call('POST /v2/bare-metals', { body: { ...body, user_data: 'aGk=' } });
    sandbox.advance(PROVISION_MS);
    const path = `/v2/bare-metals/${created.json.bare_metal.id}`;
    expect((await call(`PATCH ${path}`, { body: WRONG })).json).toEqual(REFUSED);
    expect((await call(`PATCH ${path}`, { body: { user_data: '' } })).status).toBe(202);
    expect((await call(`GET ${path}/user-data`)).json).toEqual({ user_data: { data: '' } });
  });

  test('must be base64 for node pools, on create and on change', async () => {
    const { call } = await frozen();
    const pool = { node_quantity: 1, label: 'web', plan: 'vc2-1c-2gb' };
    const body = { label: 'c', region: 'ewr', version: 'v1.34.7+1' };
    const create = (pools: unknown) =>
      call('POST /v2/kubernetes/clusters', { body: { ...body, node_pools: pools } });
    expect((await create([{ ...pool, ...WRONG }])).json).toEqual(REFUSED);
    const { id, node_pools: pools } = (await create([pool])).json.vke_cluster;
    const path = `/v2/kubernetes/clusters/${id}/node-pools`;
    expect((await call(`POST ${path}`, { body: { ...pool, ...WRONG } })).json).toEqual(REFUSED);
    expect((await call(`PATCH ${path}/${pools[0].id}`, { body: WRONG })).json).toEqual(REFUSED);
    expect((await call(`PATCH ${path}/${pools[0].id}`, { body: { user_data: '' } })).status).toBe(202);
  });
});

test('a DNS record without a priority shows -1, and an explicit 0 stays', async () => {
  const { call } = await frozen();
  await call('POST /v2/domains', { body: { domain: 'example.com' } });
  const create = async (priority?: number) => {
    const body = { type: 'A', name: 'www', data: '192.0.2.1', priority };
    return (await call('POST /v2/domains/example.com/records', { body })).json.record.priority;
  };
  expect([await create(), await create(0), await create(10)]).toEqual([-1, 0, 10]);
});

describe('texts of refusals', () => {
  test.each([
    ['GET /v2/vpcs/x', 'VPC not found.', 404],
    ['GET /v2/blocks/x', 'Invalid block storage ID.', 404],
    ['GET /v2/reserved-ips/x', 'Invalid reserved-ip ID.', 404],
    ['DELETE /v2/bare-metals/x', 'Invalid bare metal instance.', 404],
  ])('%s: %s', async (line, text, status) => {
    const { call } = await frozen();
    expect((await call(line)).json).toEqual(refusal(text, status));
  });

  test('a wrong tier is a refused create', async () => {
    const { call } = await frozen();
    const created = await call('POST /v2/object-storage', { body: { cluster_id: 2, tier_id: 99 } });
    expect(created.json).toEqual(refusal('Invalid tier specified for this location'));
  });

  test('managed databases put the text of an error into another member', async () => {
    const { call } = await frozen();
    const { status, json } = await call('GET /v2/databases/x');
    expect([status, json]).toEqual([404, { message: 'Not a valid DBaaS Subscription UUID!' }]);
  });

  test('a change of a NAT gateway is accepted with 202', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/vpcs', { body: { region: 'ewr' } })).json.vpc;
    const path = `/v2/vpcs/${id}/nat-gateway`;
    const gateway = (await call(`POST ${path}`, { body: {} })).json.nat_gateway;
    expect((await call(`PUT ${path}/${gateway.id}`, { body: { label: 'b' } })).status).toBe(202);
  });
});

test('a CAA record whose value contains blanks is refused, on a create and on a change', async () => {
  const { call } = await sandboxFor();
  await call('POST /v2/domains', { body: { domain: 'example.com' } });
  const records = '/v2/domains/example.com/records';
  const caa = (data: string) => ({ body: { type: 'CAA', name: '', data } });
  const made = await call(`POST ${records}`, caa('0 issue "ca.example.com"'));
  expect(made.status).toBe(201);
  const spaced = caa('0 issue "ca.example.com; account=1"');
  expect((await call(`POST ${records}`, spaced)).status).toBe(400);
  expect((await call(`PATCH ${records}/${made.json.record.id}`, spaced)).status).toBe(400);
});

test('an IPv6 network of bare metal is listed, whether it came with the create or later', async () => {
  const { call } = await sandboxFor({ lag: { readMs: 0, provisionMs: 0 } });
  const body = { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136 };
  const addresses = async (id: string) => (await call(`GET /v2/bare-metals/${id}/ipv6`)).json.ipv6s;
  const create = async (extra: object): Promise<string> =>
    (await call('POST /v2/bare-metals', { body: { ...body, ...extra } })).json.bare_metal.id;
  expect(await addresses(await create({ enable_ipv6: true }))).toHaveLength(1);
  const later = await create({});
  expect(await addresses(later)).toEqual([]);
  for (let count = 0; count < 2; count++)
    await call(`PATCH /v2/bare-metals/${later}`, { body: { enable_ipv6: true } });
  const [{ ip }] = await addresses(later);
  expect(await addresses(later)).toHaveLength(1);
  const { bare_metal: metal } = (await call(`GET /v2/bare-metals/${later}`)).json;
  expect([metal.v6_main_ip, metal.features]).toEqual([ip, ['ipv6']]);
});

test('a session names the conditions of the trust that it was made under', async () => {
  const { call } = await sandboxFor({ lag: { provisionMs: 0 } });
  const { id: role } = (await call('POST /v2/roles', { body: { name: 'reader' } })).json;
  const { users } = (await call('GET /v2/users')).json;
  const assume = async () =>
    (await call('POST /v2/assumed-roles/assume', { body: { role_id: role } })).json.conditions_met;
  expect(await assume()).toEqual([]);
  const trust = { role_id: role, trusted_user_id: users[0].id, trust_type: 'IAMAssumption' };
  const conditions = { ip_address: ['192.0.2.0/24'] };
  await call('POST /v2/role-trusts', { body: { ...trust, conditions } });
  expect(await assume()).toEqual(['ip_address']);
});

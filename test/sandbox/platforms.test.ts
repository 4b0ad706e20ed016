import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const PROVISION_MS = 10_000;

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('platforms', () => {
  test('a cluster becomes active with its pools and nodes, and pools grow', async () => {
    const { sandbox, call } = await frozen();
    const pools = [{ node_quantity: 2, label: 'web', plan: 'vc2-1c-2gb', labels: { tier: 'front' } }];
    const body = { label: 'c', region: 'ewr', version: 'v1.34.7+1', node_pools: pools };
    expect(
      (await call('POST /v2/kubernetes/clusters', { body: { ...body, node_pools: undefined } })).json,
    ).toEqual(refusal('Bad request.'));
    const { id } = (await call('POST /v2/kubernetes/clusters', { body })).json.vke_cluster;
    const read = async () => (await call(`GET /v2/kubernetes/clusters/${id}`)).json.vke_cluster;
    expect(await read()).toMatchObject({ status: 'pending', ip: '0.0.0.0', endpoint: `${id}.vultr-k8s.com` });
    sandbox.advance(PROVISION_MS);
    const active = await read();
    expect(active).toMatchObject({ status: 'active', node_pools: [{ status: 'active', nodes: [{}, {}] }] });
    const pool = `/v2/kubernetes/clusters/${id}/node-pools/${active.node_pools[0].id}`;
    expect((await call(`GET ${pool}/labels`)).json.labels).toMatchObject([{ key: 'tier', value: 'front' }]);
    const grown = await call(`PATCH ${pool}`, { body: { node_quantity: 3 } });
    expect([grown.status, grown.json.node_pool.nodes.length]).toEqual([202, 3]);
    const node = grown.json.node_pool.nodes[0].id;
    expect((await call(`DELETE ${pool}/nodes/${node}`)).status).toBe(204);
    expect((await call(`GET ${pool}`)).json.node_pool.node_quantity).toBe(2);
    expect(
      (await call(`GET /v2/kubernetes/clusters/${id}/available-upgrades`)).json.available_upgrades,
    ).toHaveLength(2);
  });

  test('a database runs after a while, with its default user and database', async () => {
    const { sandbox, call } = await frozen();
    const body = {
      database_engine: 'pg',
      database_engine_version: '16',
      region: 'ewr',
      plan: 'vultr-dbaas-startup-cc-1-55-2',
      label: 'd',
    };
    const { id, status, port } = (await call('POST /v2/databases', { body })).json.database;
    expect([status, typeof port]).toEqual(['Rebuilding', 'string']);
    sandbox.advance(PROVISION_MS);
    expect((await call(`GET /v2/databases/${id}`)).json.database.status).toBe('Running');
    expect((await call(`GET /v2/databases/${id}/users`)).json.users).toHaveLength(1);
    const options = { body: { autovacuum_max_workers: 5 } };
    await call(`PUT /v2/databases/${id}/advanced-options`, options);
    expect((await call(`GET /v2/databases/${id}/advanced-options`)).json.configured_options).toMatchObject({
      ...options.body,
      jit: true,
    });
    expect((await call('POST /v2/databases', { body: { ...body, plan: 'x' } })).status).toBe(422);
    expect((await call(`DELETE /v2/databases/${id}`)).status).toBe(204);
    expect((await call(`GET /v2/databases/${id}/users/vultradmin`)).json).toEqual({
      message: 'Not a valid DBaaS Subscription UUID!',
    });
  });

  test('a bare metal machine has no address at first', async () => {
    const { sandbox, call } = await frozen();
    const body = { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136 };
    const metal = (await call('POST /v2/bare-metals', { body })).json.bare_metal;
    expect(metal).toMatchObject({ main_ip: '', ram: '32768 MB', disk: '2x 240GB SSD', status: 'pending' });
    expect(metal.mac_address).toEqual(expect.any(Number));
    sandbox.advance(PROVISION_MS);
    const ready = (await call(`GET /v2/bare-metals/${metal.id}`)).json.bare_metal;
    expect([ready.status, ready.main_ip]).toEqual(['active', expect.stringMatching(/^45\.76\./)]);
    expect(ready).not.toHaveProperty('default_password');
  });

  test('a new role needs a moment before it can be attached; deleted ones come back', async () => {
    const { sandbox, call } = await frozen();
    const owner = '7d2e6c1a-9b3f-4f5e-8a7d-0c1b2a3d4e5f';
    const body = { name: 'r', description: 'd', role_type: 'assumable', max_session_duration: 3600 };
    const created = await call('POST /v2/roles', { body });
    expect(created.json.role.id).toBe(created.json.id);
    const path = `/v2/roles/${created.json.id}`;
    expect((await call(`POST ${path}/users/${owner}`)).json).toEqual(refusal('Role not found', 404));
    sandbox.advance(PROVISION_MS);
    expect((await call(`POST ${path}/users/${owner}`)).status).toBe(201);
    expect((await call('GET /v2/users/me/roles')).json.roles.direct).toMatchObject([{ name: 'r' }]);
    expect((await call(`DELETE ${path}`)).status).toBe(204);
    expect((await call(`GET ${path}`)).json).toEqual(refusal('Role not found', 404));
    expect((await call(`PATCH ${path}/restore`)).json.name).toBe('r');
    expect((await call(`GET ${path}`)).json.role.name).toBe('r');
  });

  test('docker credentials come as JSON and, for clusters, as YAML', async () => {
    const { call } = await frozen();
    const body = { name: 'reg', public: false, region: 'ewr', plan: 'start_up' };
    const { id } = (await call('POST /v2/registry', { body })).json;
    const json = await call(`OPTIONS /v2/registry/${id}/docker-credentials?expiry_seconds=0`);
    expect(json.json.auths).toHaveProperty(['ewr.vultrcr.com']);
    const yaml = await call(`OPTIONS /v2/registry/${id}/docker-credentials/kubernetes`);
    expect([yaml.headers['content-type'], yaml.text.split('\n')[1]]).toEqual([
      'application/yaml',
      'kind: Secret',
    ]);
  });
});

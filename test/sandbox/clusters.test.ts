import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const HALTED = '4f0f12e5-1f84-404f-aa84-85f431ea5ec2';
const BOOT_MS = 40_000;
const PLAN = { region: 'ewr', plan: 'vc2-1c-1gb' };

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('clusters', () => {
  test('a cluster is provisioned with its machines, which stay when it goes', async () => {
    const { sandbox, call } = await frozen();
    const body = { ...PLAN, label: 'hpc', desired_pool_count: 2 };
    const created = await call('POST /v2/clusters', { body });
    expect([created.status, created.json.cluster]).toMatchObject([
      200,
      { status: 'pending', state: 'provisioning', cluster_type: 'vps', instances: [], vpc_networks: [] },
    ]);
    expect(created.json.cluster).not.toHaveProperty('head_node_instance_template_id');
    sandbox.advance(BOOT_MS);
    const { id } = created.json.cluster;
    const { cluster } = (await call(`GET /v2/clusters/${id}`)).json;
    expect(cluster).toMatchObject({
      status: 'active',
      state: 'running',
      type: 'vps',
      min_pool_count: 1,
      instances: [
        { label: 'hpc-1', status: 'active' },
        { label: 'hpc-2', status: 'active' },
      ],
    });
    expect((await call(`DELETE /v2/clusters/${id}`)).status).toBe(204);
    expect((await call(`GET /v2/clusters/${id}`)).json).toEqual(refusal('Invalid cluster ID', 404));
    expect((await call(`GET /v2/instances/${cluster.instances[0].id}`)).status).toBe(200);
  });

  test('a head node is one machine more, and a file system can come along', async () => {
    const { sandbox, call } = await frozen();
    const body = {
      ...PLAN,
      label: 'hpc',
      use_head_node: true,
      head_node_plan: 'vc2-2c-4gb',
      os_id: 2136,
      use_vfs: true,
      vfs_label: 'scratch',
      vfs_storage_size: { gb: 20 },
    };
    const { id } = (await call('POST /v2/clusters', { body })).json.cluster;
    sandbox.advance(BOOT_MS);
    expect((await call(`GET /v2/clusters/${id}`)).json.cluster).toMatchObject({
      head_node_instance_template_id: '',
      instances: [{ label: 'hpc-head-1', is_head_node: true }, { label: 'hpc-1' }],
      vfs: [{ label: 'scratch' }],
    });
    expect((await call('GET /v2/vfs')).json.vfs).toMatchObject([{ label: 'scratch', region: 'ewr' }]);
  });

  test('a template stands in for a plan, also for bare metal', async () => {
    const { sandbox, call } = await frozen();
    const template = { plan: 'vbm-4c-32gb', os_id: 2136 };
    const made = (await call('POST /v2/instances/templates', { body: template })).json.instance_template;
    const body = { region: 'ewr', instance_template: made.id };
    const { id } = (await call('POST /v2/clusters', { body })).json.cluster;
    sandbox.advance(BOOT_MS);
    const { cluster } = (await call(`GET /v2/clusters/${id}`)).json;
    expect(cluster).toMatchObject({
      plan: 'vbm-4c-32gb',
      cluster_type: 'bare-metal',
      instance_template: made.id,
    });
    expect((await call(`GET /v2/bare-metals/${cluster.instances[0].id}`)).status).toBe(200);
    expect((await call('GET /v2/clusters')).json.clusters[0]).not.toHaveProperty('instance_template');
  });

  test.each([
    ['without a region', { plan: 'vc2-1c-1gb' }, 'Bad request.'],
    ['without plan and template', { region: 'ewr' }, 'Exactly one of plan, instance_template is required.'],
    ['with an unknown plan', { region: 'ewr', plan: 'vc9' }, 'Invalid plan chosen.'],
    ['in an unknown VPC', { ...PLAN, vpc_ids: [RUNNING] }, 'VPC not found.'],
    [
      'with a pool below its least',
      { ...PLAN, min_pool_count: 3, desired_pool_count: 2 },
      'Invalid desired_pool_count.',
    ],
    [
      'with a nameless file system',
      { ...PLAN, use_vfs: true },
      'use_vfs requires vfs_label and vfs_storage_size.',
    ],
    [
      'with a file system that is too small',
      { ...PLAN, use_vfs: true, vfs_label: 'a', vfs_storage_size: { gb: 1 } },
      'Invalid storage_size. gb must be at least 10.',
    ],
    [
      'with a head node of nothing',
      { ...PLAN, use_head_node: true },
      'Exactly one of head_node_plan, head_node_template is required.',
    ],
    [
      'with a head node without system',
      { ...PLAN, use_head_node: true, head_node_plan: 'vc2-1c-1gb' },
      'Exactly one of os_id, app_id, image_id is required.',
    ],
  ])('a cluster %s is refused, and nothing is bought', async (_, body, text) => {
    const { sandbox, call } = await frozen();
    expect((await call('POST /v2/clusters', { body })).json).toEqual(refusal(text));
    expect([(await call('GET /v2/clusters')).json.meta.total, sandbox.state.instancesCreated]).toEqual([
      0, 0,
    ]);
  });

  test('a change returns 202 with the cluster', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/clusters', { body: PLAN })).json.cluster;
    const change = (body: unknown) => call(`PUT /v2/clusters/${id}`, { body });
    const changed = await change({ label: 'b', desired_pool_count: 3 });
    expect([changed.status, changed.json.cluster]).toMatchObject([
      202,
      { label: 'b', desired_pool_count: 3 },
    ]);
    expect((await change({ min_pool_count: 4 })).json).toEqual(refusal('Invalid desired_pool_count.'));
  });

  test('machines are attached and detached, one or several at a time', async () => {
    const { sandbox, call } = await frozen();
    const { id } = (await call('POST /v2/clusters', { body: PLAN })).json.cluster;
    sandbox.advance(BOOT_MS);
    const members = async () =>
      (await call(`GET /v2/clusters/${id}`)).json.cluster.instances.map((each: { id: string }) => each.id);
    const one = (action: string, instance = RUNNING) => call(`POST /v2/clusters/${id}/${action}/${instance}`);
    const several = (action: string, instances: unknown) =>
      call(`POST /v2/clusters/${id}`, { body: { action, instances } });
    const attached = await one('attach');
    expect([attached.status, typeof attached.json.cluster]).toEqual([202, 'string']);
    expect(await members()).toContain(RUNNING);
    expect((await one('add')).json).toEqual(refusal('Instance is already attached to a cluster.'));
    expect((await several('detach', [RUNNING])).status).toBe(202);
    expect(await members()).not.toContain(RUNNING);
    expect((await one('detach')).json).toEqual(refusal('Instance is not attached to this cluster.'));
    expect((await several('attach', [RUNNING, HALTED])).json).toEqual(
      refusal('Server is not in the same region'),
    );
    expect((await several('attach', ['no-such-thing'])).json).toEqual(refusal('Invalid instance-id.', 404));
    expect((await several('attach', [])).json).toEqual(refusal('Bad request.'));
    expect((await one('grow')).json).toEqual(refusal('Invalid action.'));
    expect((await several('add', [RUNNING])).status).toBe(202);
    expect((await call(`DELETE /v2/instances/${RUNNING}`)).status).toBe(204);
    expect(await members()).not.toContain(RUNNING);
  });

  test('the list has the clusters of Kubernetes too', async () => {
    const { call } = await frozen();
    const pools = [{ node_quantity: 1, label: 'web', plan: 'vc2-1c-2gb' }];
    const body = { label: 'k', region: 'ewr', version: 'v1.34.7+1', node_pools: pools };
    await call('POST /v2/kubernetes/clusters', { body });
    await call('POST /v2/clusters', { body: { ...PLAN, label: 'c' } });
    const { clusters, meta } = (await call('GET /v2/clusters')).json;
    expect(clusters).toMatchObject([
      { label: 'c', type: 'cluster' },
      { label: 'k', type: 'vke' },
    ]);
    expect(meta.total).toBe(2);
  });

  test('availability is asked for in the body of a GET, or by plan', async () => {
    const { call } = await frozen();
    const ask = (body?: unknown) => call('GET /v2/clusters/availability', body === undefined ? {} : { body });
    const kinds = ['vps', 'bare-metal', 'gpu-fabric'];
    expect(Object.keys((await ask({ region: 'ewr' })).json.availability)).toEqual(kinds);
    expect(Object.keys((await ask({ region: 'ewr', type: 'other' })).json.availability)).toEqual(kinds);
    const { availability } = (await ask({ region: 'ewr', type: 'gpu-fabric' })).json;
    expect(availability).toEqual({
      'gpu-fabric': [expect.objectContaining({ available: true, gpu_fabric: true, automation_type: 'ROCE' })],
    });
    expect((await ask()).json).toEqual(refusal('Bad request.'));
    expect((await ask({ region: 'xxx' })).json).toEqual(refusal('Invalid region.'));
    expect((await call('GET /v2/clusters/availability/vbm-48c-1024gb-4-a100-gpu')).json).toEqual({
      locations: ['ewr'],
      fabric_locations: ['ewr'],
    });
  });

  test('metrics are kept by machine', async () => {
    const { sandbox, call } = await frozen();
    const body = { ...PLAN, gpu_fabric: true };
    const { id } = (await call('POST /v2/clusters', { body })).json.cluster;
    sandbox.advance(BOOT_MS);
    const { instances } = (await call(`GET /v2/clusters/${id}/metrics?period=-7days`)).json.metrics;
    const [measured] = Object.values<Record<string, never>>(instances);
    expect(measured).toHaveProperty(['gpu', 'temperature', 'gpu', 0, 'datapoints', 23, 0], null);
    expect(measured).toHaveProperty(['fabric', 'retries', 'tx', 0, 'target'], '0');
    expect((await call(`GET /v2/clusters/${id}/metrics?period=-2days`)).json).toEqual(
      refusal('Invalid period.'),
    );
  });
});

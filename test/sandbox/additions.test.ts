import { describe, expect, test } from 'vitest';
import { sandboxFor } from './client.ts';

const PROVISION_MS = 10_000;
const RUNNING = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/** A sandbox whose time stands still but for `advance`. */
const frozen = () => sandboxFor({ clock: { nowMs: () => 1_790_000_000_000 } });
const refusal = (error: string, status = 400) => ({ error, status });

describe('instance templates', () => {
  test('a template is made, shown with its plan only when read alone, changed and deleted', async () => {
    const { call } = await frozen();
    const key = (await call('POST /v2/ssh-keys', { body: { name: 'k', ssh_key: 'ssh-ed25519 A' } })).json
      .ssh_key;
    const body = { plan: 'vc2-1c-1gb', label: 'web', os_id: 2136, ssh_key_ids: [key.id], user_data: 'aGk=' };
    const created = await call('POST /v2/instances/templates', { body });
    const { id } = created.json.instance_template;
    expect([created.status, created.json.instance_template]).toMatchObject([
      200,
      { os: 'Debian 12 x64 (bookworm)', snapshot: '', iso: '', ssh_keys: [{ id: key.id, name: 'k' }] },
    ]);
    const read = async () => (await call(`GET /v2/instances/templates/${id}`)).json.instance_template;
    expect((await read()).plan_details).toMatchObject({ name: 'vc2-1c-1gb', memory_mb: 1024, price: '5.00' });
    const [listed] = (await call('GET /v2/instances/templates')).json.instance_templates;
    expect([listed.id, listed]).toEqual([
      id,
      expect.not.objectContaining({ plan_details: expect.anything() }),
    ]);
    const changed = await call(`PUT /v2/instances/templates/${id}`, { body: { os_id: 0, user_data: '' } });
    expect([changed.status, changed.json.instance_template]).toMatchObject([202, { os: '', user_data: '' }]);
    expect((await call(`DELETE /v2/instances/templates/${id}`)).status).toBe(204);
    expect((await call(`GET /v2/instances/templates/${id}`)).status).toBe(404);
  });

  test.each([
    [{}, 'Bad request.'],
    [{ plan: 'vc9' }, 'Invalid plan chosen.'],
    [{ plan: 'vc2-1c-1gb', os_id: 1 }, 'Invalid os_id.'],
    [{ plan: 'vc2-1c-1gb', snapshot_id: RUNNING }, 'Invalid snapshot ID'],
    [{ plan: 'vc2-1c-1gb', user_data: '#!' }, 'user_data must be base64 encoded'],
  ])('a template of %j is refused', async (body, text) => {
    const { call } = await frozen();
    expect((await call('POST /v2/instances/templates', { body })).json).toEqual(refusal(text));
  });

  test('a change needs at least one field', async () => {
    const { call } = await frozen();
    const body = { plan: 'vc2-1c-1gb' };
    const { id } = (await call('POST /v2/instances/templates', { body })).json.instance_template;
    expect((await call(`PUT /v2/instances/templates/${id}`, { body: {} })).json).toEqual(
      refusal('Bad request.'),
    );
  });
});

describe('Kubernetes applications', () => {
  test('an application is deployed, upgraded and removed', async () => {
    const { sandbox, call } = await frozen();
    const pools = [{ node_quantity: 1, label: 'web', plan: 'vc2-1c-2gb' }];
    const body = { label: 'c', region: 'ewr', version: 'v1.34.7+1', node_pools: pools };
    const cluster = (await call('POST /v2/kubernetes/clusters', { body })).json.vke_cluster;
    const [app] = (await call('GET /v2/kubernetes/applications')).json.apps;
    const path = `/v2/kubernetes/clusters/${cluster.id}/applications`;
    const created = await call(`POST ${path}`, { body: { id: app.id, timeout: '5m', config: 'a: 1' } });
    const deployed = created.json.app_deployment;
    expect([created.status, deployed]).toMatchObject([
      201,
      { app_id: app.id, app_name: app.name, version: app.version, status: 'pending', timeout: '5m' },
    ]);
    expect(deployed.id).not.toBe(app.id);
    const upgrade = () => call(`POST ${path}/${deployed.id}/upgrade`);
    expect((await upgrade()).json).toEqual(refusal('The deployment is not active yet.'));
    sandbox.advance(PROVISION_MS);
    expect((await upgrade()).status).toBe(204);
    sandbox.advance(PROVISION_MS);
    expect((await call(`GET ${path}`)).json.app_deployments).toMatchObject([{ status: 'active' }]);
    expect((await call(`DELETE ${path}/${deployed.id}`)).status).toBe(204);
    expect((await call(`GET ${path}/${deployed.id}`)).status).toBe(404);
    expect((await call(`POST ${path}`, { body: { id: 'other' } })).json).toEqual(
      refusal('Invalid application ID'),
    );
  });
});

describe('account and billing', () => {
  const setup = { prefixes: [], requested_routes: 'full', usecase: 'anycast' };

  test('requests about BGP open tickets', async () => {
    const { call } = await frozen();
    const prefixes = ['192.0.2.0/24'];
    for (const [path, body] of [
      ['setup', setup],
      ['setup', { ...setup, prefixes, letter_of_authorization: 'aGk=' }],
      ['prefixes', { prefixes }],
    ]) {
      const { status, json } = await call(`POST /v2/account/bgp/${path}`, { body });
      expect([status, json]).toEqual([200, { ticket_reference: expect.stringMatching(/^[A-Z]{3}-\d{3}$/) }]);
    }
  });

  test.each([
    ['setup', { ...setup, usecase: undefined }, 'Bad request.'],
    [
      'setup',
      { ...setup, requested_routes: 'some' },
      'Invalid requested_routes. Must be one of: none, full, default_only',
    ],
    ['setup', { ...setup, prefixes: ['192.0.2.0/24'] }, 'letter_of_authorization is required with prefixes.'],
    ['setup', { ...setup, letter_of_authorization: '%' }, 'letter_of_authorization must be base64 encoded'],
    ['prefixes', { prefixes: [] }, 'Invalid prefixes.'],
  ])('BGP %s of %j is refused', async (path, body, text) => {
    const { call } = await frozen();
    expect((await call(`POST /v2/account/bgp/${path}`, { body })).json).toEqual(refusal(text));
  });

  test('custom subscriptions are listed', async () => {
    const { call } = await frozen();
    const { custom_subscriptions: found, meta } = (await call('GET /v2/account/custom-subscriptions')).json;
    expect([found, meta.total]).toMatchObject([[{ status: 'active', cost: 250 }], 1]);
  });

  test('pending charges come as CSV, with quotes where they are needed', async () => {
    const { call } = await frozen();
    await call(`PATCH /v2/instances/${RUNNING}`, { body: { label: 'a, "b"' } });
    const { headers, text } = await call('GET /v2/billing/pending-charges/csv');
    expect(headers['content-type']).toBe('text/csv');
    const [first, second] = text.split('\r\n');
    expect(first).toBe('product,description,unit_type,unit_price,units,total,start_date,end_date');
    expect(second).toMatch(/^Cloud Compute,"Cloud Compute a, ""b""",hours,0\.01,1,0\.01,2026-/);
  });
});

test('an application has variables, without a key', async () => {
  const { call } = await frozen();
  const read = (image: string) => call(`GET /v2/applications/${image}/variables`, { key: null });
  expect((await read('wordpress')).json.variables).toMatchObject([{ name: 'admin_email' }]);
  expect((await read('no-such')).json).toEqual(refusal('Invalid image ID', 404));
});

test('databases name the versions on offer', async () => {
  const { call } = await frozen();
  const { available_services: services } = (await call('GET /v2/databases/available-services')).json;
  expect(Object.keys(services)).toEqual(['kafka', 'mysql', 'pg', 'valkey']);
  expect(services.pg).toContain('17');
});

test('an ISO gets a description', async () => {
  const { call } = await frozen();
  const { id } = (await call('POST /v2/iso', { body: { url: 'https://example.com/a.iso' } })).json.iso;
  expect((await call(`PUT /v2/iso/${id}`, { body: { description: 'installer' } })).status).toBe(204);
  expect((await call(`GET /v2/iso/${id}`)).json.iso.description).toBe('installer');
  expect((await call(`PUT /v2/iso/${id}`, { body: {} })).json).toEqual(refusal('Bad request.'));
});

describe('buckets', () => {
  test('old objects can be archived unless there are versions of them', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/object-storage', { body: { cluster_id: 2, tier_id: 2 } })).json
      .object_storage;
    const buckets = `/v2/object-storage/${id}/bucket`;
    const create = (body: unknown) => call(`POST ${buckets}`, { body });
    const archive = (name: string, body: unknown) => call(`POST ${buckets}/${name}/archival`, { body });
    const created = await create({ bucket_name: 'plain' });
    expect([created.status, created.text]).toEqual([202, '']);
    expect((await create({ name: 'locked', enable_object_lock: true })).status).toBe(202);
    expect((await archive('plain', { archival: true })).status).toBe(202);
    const text = 'Archival can not be combined with versioning or object lock.';
    expect((await archive('locked', { archival: true })).json).toEqual(refusal(text));
    expect((await archive('locked', { archival: false })).status).toBe(202);
    expect((await archive('plain', {})).json).toEqual(refusal('Bad request.'));
    expect((await create({ bucket_name: 'b', archival: true, versioning: true })).json).toEqual(
      refusal(text),
    );
    expect((await create({})).json).toEqual(refusal('Bad request.'));
    expect((await call(`GET ${buckets}`)).json.buckets).toMatchObject([
      { name: 'plain', archival: true, enable_bucket_versioning: false },
      { name: 'locked', archival: false, enable_bucket_versioning: true, enable_object_lock: true },
    ]);
  });

  test('rules of a life cycle are set and removed', async () => {
    const { call } = await frozen();
    const { id } = (await call('POST /v2/object-storage', { body: { cluster_id: 2, tier_id: 2 } })).json
      .object_storage;
    await call(`POST /v2/object-storage/${id}/bucket`, { body: { name: 'a' } });
    const path = `/v2/object-storage/${id}/bucket/a/lifecycle`;
    const set = (rules: unknown) => call(`POST ${path}`, { body: { archive_rules: rules } });
    const transitions = [{ Days: 30, StorageClass: 'GLACIER' }];
    expect((await set([{ ID: 'old', Status: 'Enabled', Transitions: transitions }])).status).toBe(202);
    expect((await set([{ Status: 'On' }])).json).toEqual(refusal('Invalid Status.'));
    expect((await set(undefined)).json).toEqual(refusal('Bad request.'));
    expect((await call(`DELETE ${path}`)).status).toBe(204);
  });
});

test('a load balancer has reverse names', async () => {
  const { sandbox, call } = await frozen();
  const { id } = (await call('POST /v2/load-balancers', { body: { region: 'ewr' } })).json.load_balancer;
  const path = `/v2/load-balancers/${id}/reverse-dns`;
  const read = async () => (await call(`GET ${path}`)).json;
  expect(await read()).toEqual({ ipv4: '', ipv6: [] });
  sandbox.advance(PROVISION_MS);
  expect((await read()).ipv4).toMatch(/^45\.76\..*\.vultrusercontent\.com$/);
  expect((await call(`PUT ${path}`, { body: { v4: 'lb.example.com' } })).status).toBe(204);
  const name = (domain: string, ip = '2001:db8::1') =>
    call(`POST ${path}`, { body: { v6: [{ ip, domain }] } });
  expect((await name('a.example.com')).status).toBe(204);
  expect((await name('b.example.com')).status).toBe(204);
  expect(await read()).toEqual({
    ipv4: 'lb.example.com',
    ipv6: [{ ip: '2001:db8::1', domain: 'b.example.com' }],
  });
  expect((await name('a.example.com', '192.0.2.1')).json).toEqual(refusal('Invalid ip.', 422));
  expect((await name('not a name')).json).toEqual(refusal('Invalid domain.', 422));
  expect((await call(`PUT ${path}`, { body: {} })).status).toBe(422);
  expect((await call(`DELETE ${path}`)).status).toBe(204);
  expect((await read()).ipv6).toEqual([]);
});

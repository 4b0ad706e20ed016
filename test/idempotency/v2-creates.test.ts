import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { expect, test } from 'vitest';
import { closeAtEnd } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const DATABASE = {
  database_engine: 'pg',
  database_engine_version: '16',
  region: 'ewr',
  plan: 'vultr-dbaas-startup-cc-1-55-2',
  label: 'mine',
};
const NODE_POOL = { node_quantity: 2, label: 'pool', plan: 'vc2-1c-2gb' };
/** Creations of vultr.v2 that can carry a tag: path and body, without what carries it. */
const CREATES: readonly (readonly [path: string, body: Readonly<Record<string, unknown>>])[] = [
  ['/v2/instances', { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2136 }],
  ['/v2/bare-metals', { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136 }],
  ['/v2/blocks', { region: 'ewr', size_gb: 40 }],
  ['/v2/firewalls', {}],
  ['/v2/load-balancers', { region: 'ewr' }],
  ['/v2/reserved-ips', { region: 'ewr', ip_type: 'v4' }],
  ['/v2/snapshots', { instance_id: 'cb676a46-66fd-4dfb-b839-443f2e6c0b60' }],
  ['/v2/private-networks', { region: 'ewr' }],
  ['/v2/vpcs', { region: 'ewr' }],
  ['/v2/vpc2', { region: 'ewr' }],
  ['/v2/object-storage', { cluster_id: 2, tier_id: 2 }],
  ['/v2/kubernetes/clusters', { region: 'ewr', version: 'v1.34.7+1', node_pools: [NODE_POOL] }],
  ['/v2/databases', DATABASE],
  ['/v2/snapshots/create-from-url', { url: 'https://example.com/disk.raw' }],
  ['/v2/clusters', { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2136 }],
  ['/v2/instances/templates', { region: 'ewr', plan: 'vc2-1c-1gb', os_id: 2136 }],
  ['/v2/vfs', { region: 'ewr', label: 'mine', storage_size: { gb: 10 } }],
];

async function start() {
  const service = await startOnSandbox(
    { httpListen: { host: '127.0.0.1', port: 0 } },
    { lag: { listMs: 0, readMs: 0 } },
  );
  const pool = new Pool(`http://${service.app.httpAddress}`);
  closeAtEnd(() => pool.close());
  const post = async (path: string, body: unknown, key: string) => {
    const reply = await pool.request({
      method: 'POST',
      path,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${KEY}`,
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
    });
    return { status: reply.statusCode, value: (await reply.body.json()) as Record<string, unknown> };
  };
  return { ...service, post };
}

/** The id in a response, wherever it stands. */
function idOf(value: Record<string, unknown>): unknown {
  const [inner] = Object.values(value);
  return value['id'] ?? (inner as Record<string, unknown>)['id'];
}

test.each(CREATES)(
  'POST %s whose response is lost returns what it would have returned',
  async (path, body) => {
    const { post, sandbox } = await start();
    const made = await post(path, body, randomUUID());
    expect(made.status, JSON.stringify(made.value)).toBeLessThan(300);
    const replayedKey = randomUUID();
    sandbox.faults.add({ method: 'POST', kind: 'drop-after', times: 1 });
    const found = await post(path, body, replayedKey);
    expect(found.status).toBe(200);
    expect(idOf(found.value)).toEqual(expect.anything());
    expect(idOf(found.value)).not.toBe(idOf(made.value));
    const [key] = Object.keys(made.value).length === 1 ? Object.keys(made.value) : ['id'];
    expect(Object.keys(found.value)).toContain(key);
    expect((await post(path, body, replayedKey)).value).toEqual(found.value);
    expect(sandbox.requests.list({ method: 'POST' })).toHaveLength(2);
  },
);

test('what cannot carry a tag stays unknown, and is not created again', async () => {
  const { post, sandbox } = await start();
  const body = { name: 'key', ssh_key: 'ssh-ed25519 AAAA' };
  const key = randomUUID();
  sandbox.faults.add({ method: 'POST', kind: 'drop-after', times: 1 });
  for (let time = 0; time < 2; time += 1) {
    expect((await post('/v2/ssh-keys', body, key)).status).toBe(400);
  }
  expect(sandbox.requests.list({ method: 'POST' })).toHaveLength(1);
});

test('a field of the caller is never changed to carry a tag', async () => {
  const { post, sandbox } = await start();
  const { value } = await post('/v2/blocks', { region: 'ewr', size_gb: 40, label: 'mine' }, randomUUID());
  expect(value).toMatchObject({ block: { label: 'mine' } });
  expect(sandbox.requests.list({ method: 'POST' })).toHaveLength(1);
});

type Post = readonly [path: string, body: unknown];

/** What makes a thing, and what is made below it. */
interface Nested {
  readonly parent: Post;
  readonly below: (id: string) => Post;
}

const NESTED: readonly Nested[] = [
  {
    parent: ['/v2/vpcs', { region: 'ewr' }],
    below: (id: string) => [`/v2/vpcs/${id}/nat-gateway`, {}],
  },
  {
    parent: ['/v2/kubernetes/clusters', { region: 'ewr', version: 'v1.34.7+1', node_pools: [NODE_POOL] }],
    below: (id: string) => [
      `/v2/kubernetes/clusters/${id}/node-pools`,
      { node_quantity: 1, label: 'other', plan: 'vc2-1c-2gb' },
    ],
  },
];

test.each(NESTED)('what is made below $parent.0 is found there', async ({ parent, below }) => {
  const { post, sandbox } = await start();
  const [path, body] = parent;
  // Two of them, so that the list has to be the one below the right one.
  const made = await post(path, body, randomUUID());
  await post(path, body, randomUUID());
  const [childPath, childBody] = below(String(idOf(made.value)));
  sandbox.faults.add({ method: 'POST', kind: 'drop-after', times: 1 });
  const key = randomUUID();
  const found = await post(childPath, childBody, key);
  expect(found.status, JSON.stringify(found.value)).toBe(200);
  expect(idOf(found.value)).toEqual(expect.any(String));
  expect((await post(childPath, childBody, key)).value).toEqual(found.value);
  expect(sandbox.requests.list({ method: 'POST' })).toHaveLength(3);
});

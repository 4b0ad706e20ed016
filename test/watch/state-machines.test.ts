import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { createRouter } from '../../src/transcoding/router.ts';
import { compileCondition } from '../../src/watch/condition.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { connectWatch, openEvents } from '../support/watch-client.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const withStates = [...contract.operations.values()].filter(({ states }) => states !== undefined);
const router = createRouter(
  withStates.flatMap((operation) => operation.bindings.map((binding) => ({ binding, target: operation }))),
);

/** The example instance of the sandbox, and a backup of it. */
const EXAMPLE = '/v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const BACKUP = '/v2/backups/4b9c2f5e-1d0a-4c3b-8e7f-6a5b4c3d2e1f';

const opened = openForFile(async () => {
  const service = await startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 } });
  const { app } = service;
  return { ...service, address: app.httpAddress ?? '', watcher: connectWatch(app.grpcAddress) };
});

async function send(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const reply = await sendHttp(opened().address, method, path, body, { authorization: `Bearer ${KEY}` });
  if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.text === '' ? {} : JSON.parse(reply.text);
}

/** Makes something and returns its path. */
async function make(path: string, body: object, key?: string): Promise<string> {
  const response = await send('POST', path, body);
  const thing = (key === undefined ? response : response[key]) as { id: string };
  return `${path}/${thing.id}`;
}

/** Lets the sandbox live fast while something goes on. */
async function meanwhile<T>(work: Promise<T>): Promise<T> {
  let isOver = false;
  const ticks = (async () => {
    while (!isOver) {
      await sleep(10);
      opened().sandbox.advance(500);
    }
  })();
  try {
    return await work;
  } finally {
    isOver = true;
    await ticks;
  }
}

const instance = () => make('/v2/instances', { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2136 }, 'instance');
const cluster = () =>
  make(
    '/v2/kubernetes/clusters',
    {
      region: 'ewr',
      version: 'v1.34.7+1',
      node_pools: [{ node_quantity: 2, label: 'pool', plan: 'vc2-1c-2gb' }],
    },
    'vke_cluster',
  );
const block = () => make('/v2/blocks', { region: 'ewr', size_gb: 40 }, 'block');

/** What becomes ready, by the rpc that reads it, and how it comes to be. */
const MACHINES: Readonly<Record<string, () => Promise<string>>> = {
  GetInstance: instance,
  GetInstanceJob: async () => {
    const path = await instance();
    await ready(path);
    const { job_ids } = await send('PATCH', path, { plan: 'vc2-2c-4gb' });
    return `/v2/instances/jobs/${(job_ids as string[])[0]}`;
  },
  GetInstanceIsoStatus: async () => {
    const iso = await make('/v2/iso', { url: 'https://example.com/a.iso' }, 'iso');
    await ready(iso);
    await send('POST', `${EXAMPLE}/iso/attach`, { iso_id: iso.split('/').at(-1) });
    return `${EXAMPLE}/iso`;
  },
  GetBaremetal: () =>
    make('/v2/bare-metals', { region: 'ewr', plan: 'vbm-4c-32gb', os_id: 2136 }, 'bare_metal'),
  GetBlock: block,
  GetBlockSnapshot: async () => {
    const path = await block();
    await ready(path);
    const body = { block_id: path.split('/').at(-1) };
    return make('/v2/blocks/snapshots', body);
  },
  GetPullzone: () =>
    make(
      '/v2/cdns/pull-zones',
      { label: 'a', origin_scheme: 'https', origin_domain: 'example.com' },
      'pull_zone',
    ),
  GetPushzone: () => make('/v2/cdns/push-zones', { label: 'a' }, 'push_zone'),
  GetCluster: () => make('/v2/clusters', { region: 'ewr', plan: 'vc2-1c-1gb', label: 'a' }, 'cluster'),
  GetDatabase: () =>
    make(
      '/v2/databases',
      {
        region: 'ewr',
        plan: 'vultr-dbaas-startup-cc-1-55-2',
        database_engine: 'pg',
        database_engine_version: '16',
        label: 'a',
      },
      'database',
    ),
  IsoGet: () => make('/v2/iso', { url: 'https://example.com/b.iso' }, 'iso'),
  GetKubernetesClusters: cluster,
  GetNodepool: async () =>
    make(
      `${await cluster()}/node-pools`,
      { node_quantity: 2, label: 'more', plan: 'vc2-1c-2gb' },
      'node_pool',
    ),
  GetKubernetesClusterApplication: async () =>
    make(
      `${await cluster()}/applications`,
      { id: '6f1d0c9e-2b7a-4c55-9a38-0e4f7d1b6a21', timeout: '5m', config: '' },
      'app_deployment',
    ),
  GetLoadBalancer: () => make('/v2/load-balancers', { region: 'ewr' }, 'load_balancer'),
  GetAuditLog: () => make('/v2/logs/audit-logs', { label: 'a', cluster_id: 2 }),
  GetObjectStorage: () => make('/v2/object-storage', { cluster_id: 2, tier_id: 2 }, 'object_storage'),
  GetSnapshot: () => make('/v2/snapshots', { instance_id: EXAMPLE.split('/').at(-1) }, 'snapshot'),
  GetBackup: async () => BACKUP,
  GetStorageGateway: async () => {
    return make(
      '/v2/storage-gateways',
      {
        region: 'ewr',
        label: 'a',
        type: 'nfs4',
        export_config: [{ label: 'a', pseudo_root_path: '/a' }],
        network_config: [{ primary: { ipv4_public_enabled: true } }],
      },
      'storage_gateway',
    );
  },
  GetVfs: () => make('/v2/vfs', { region: 'ewr', label: 'a', storage_size: { gb: 10 } }),
  GetVfsAttachment: async () => {
    const vfs = await make('/v2/vfs', { region: 'ewr', label: 'a', storage_size: { gb: 10 } });
    await ready(vfs);
    const id = EXAMPLE.split('/').at(-1);
    await send('PUT', `${vfs}/attachments/${id}`);
    return `${vfs}/attachments/${id}`;
  },
  GetVpcNatGateway: async () =>
    make(`${await make('/v2/vpcs', { region: 'ewr' }, 'vpc')}/nat-gateway`, { label: 'a' }, 'nat_gateway'),
};

async function ready(path: string): Promise<void> {
  const events = await openEvents(opened().address, `${path}?until=ready`);
  expect((await meanwhile(events.rest())).at(-1)).toMatchObject({ event: 'end' });
}

/** Watches the same over gRPC. */
async function watchGrpc(path: string, until: string) {
  const match = router.match('GET', path);
  if (match.kind !== 'match') throw new Error(`${path} is nothing that has states.`);
  const { variables } = match.binding.template;
  const value = Object.fromEntries(
    variables.map(({ fieldPath }, at) => [fieldPath.join('.'), match.values[at]]),
  );
  const request = { operation: match.target.name, request: { case: 'values', value }, until };
  return await opened().watcher.watch(request).rest();
}

test('every rpc that states what its states mean is watched here, and all of its conditions compile', () => {
  expect(withStates.map(({ rpc }) => rpc).sort()).toEqual(Object.keys(MACHINES).sort());
  for (const { states } of withStates) {
    expect(states?.conditions.ready).toBeDefined();
    for (const source of Object.values(states?.conditions ?? {})) compileCondition(source, 'until');
  }
});

describe('a wait until it is ready, over both transports', () => {
  test.each(Object.entries(MACHINES))('%s', async (_rpc, start) => {
    const path = await start();
    const events = await openEvents(opened().address, `${path}?until=ready`);
    expect([events.status, path]).toEqual([200, path]);
    const [overHttp, overGrpc] = await meanwhile(Promise.all([events.rest(), watchGrpc(path, 'ready')]));
    expect(overHttp.map(({ event }) => event)).toEqual([...overHttp.slice(1).map(() => 'message'), 'end']);
    expect(overGrpc.at(-1)).toMatchObject({ reached: true });
    expect(overHttp.at(-2)?.data).toEqual(overGrpc.at(-1)?.['state']);
  });
});

/** What Vultr has no DELETE for. */
const NOT_DELETED = ['GetAuditLog', 'GetBackup', 'GetInstanceIsoStatus', 'GetInstanceJob'];

describe('a wait until it is gone, over both transports', () => {
  test.each(Object.entries(MACHINES).filter(([rpc]) => !NOT_DELETED.includes(rpc)))(
    '%s',
    async (_rpc, start) => {
      const path = await start();
      await ready(path);
      const events = await openEvents(opened().address, `${path}?until=gone`);
      expect((await events.next())?.event).toBe('message');
      const overGrpc = watchGrpc(path, 'gone');
      await send('DELETE', path);
      const [rest, messages] = await meanwhile(Promise.all([events.rest(), overGrpc]));
      expect(rest.slice(-2).map(({ event }) => event)).toEqual(['gone', 'end']);
      expect(messages.at(-1)).toMatchObject({ gone: true, reached: true });
    },
  );
});

test('a load balancer that is ready can be deleted again, and not before', async () => {
  const path = await make('/v2/load-balancers', { region: 'ewr' }, 'load_balancer');
  await expect(send('DELETE', path)).rejects.toThrow('not ready');
  await ready(path);
  await send('DELETE', path);
});

/** Changes a thing and waits until it is as it should be. */
function changing(path: string) {
  return async (method: string, action: string, until: string, body?: object): Promise<void> => {
    await send(method, path + action, body);
    const end = await meanwhile(watchGrpc(path, until));
    expect(end.at(-1)).toMatchObject({ reached: true });
  };
}

describe('the life', () => {
  test('of an instance is watched from its creation to its end', async () => {
    const path = await instance();
    const whole = openEvents(
      opened().address,
      `${path}?until=gone&fields=instance.status,instance.server_status,instance.power_status`,
    );
    await ready(path);
    const done = changing(path);
    await done('POST', '/halt', 'stopped');
    await done('POST', '/start', 'ready');
    await done('PATCH', '', 'instance.plan == "vc2-2c-4gb" && instance.server_status == "ok"', {
      plan: 'vc2-2c-4gb',
    });
    await done('POST', '/reinstall', 'instance.server_status == "locked"', {});
    await done('PATCH', '', 'ready', { label: 'again' });
    await done('DELETE', '', 'gone');
    const events = await (await whole).rest();
    const states = events.map(({ data }) => Object.values((data['instance'] ?? {}) as object).join(' '));
    expect(events.slice(-2).map(({ event }) => event)).toEqual(['gone', 'end']);
    for (const state of [
      'pending none running',
      'active ok running',
      'active ok stopped',
      'resizing locked running',
      'active locked running',
    ])
      expect(states).toContain(state);
  });

  test('of a bare metal machine is watched from its creation to its end', async () => {
    const path = await MACHINES['GetBaremetal']?.();
    if (path === undefined) throw new Error('There is no bare metal machine.');
    const whole = openEvents(
      opened().address,
      `${path}?until=gone&fields=bare_metal.status,bare_metal.power_status`,
    );
    await ready(path);
    const done = changing(path);
    await done('POST', '/halt', 'stopped');
    await done('POST', '/start', 'ready');
    await done('POST', '/reinstall', 'bare_metal.status == "pending"', {});
    await ready(path);
    await done('DELETE', '', 'gone');
    const events = await (await whole).rest();
    const states = events.map(({ data }) =>
      Object.values((data['bare_metal'] ?? {}) as object)
        .sort()
        .join(' '),
    );
    expect(states).toEqual([
      'pending running',
      'active running',
      'active stopped',
      'active running',
      'pending running',
      'active running',
      '',
      '',
    ]);
  });
});

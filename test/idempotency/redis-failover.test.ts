import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import type { RedisEvent } from '../../src/base/redis.ts';
import { openRedisStore, type RedisStoreOptions } from '../../src/idempotency/redis-store.ts';
import { failureOf as grpcFailureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { adminOf, eventually, failureOf, ownRedis, replicated, startSentinel } from '../support/redis.ts';
import { startOnSandbox } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const probe = await startRedisServer();
await probe?.stop();
afterAll(() => probe?.stop());
const needed =
  probe === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

const RECORD = { fields: { plan: 'a' }, tag: 'tag', postUntil: 'boot 1' };
const REQUEST = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284' };

function openStore(options: RedisStoreOptions) {
  const events: RedisEvent[] = [];
  const store = openRedisStore({ commandTimeoutMs: 400, observe: (event) => events.push(event), ...options });
  closeAtEnd(() => store.close());
  return { store, events };
}

describe.skipIf(probe === undefined)(`a record in a Redis with replicas${needed}`, () => {
  test('is on the replica before a create is sent, or the create is refused', async () => {
    const master = await ownRedis();
    const replica = await ownRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
    await replicated(adminOf(master), 1);
    // Half of it is how long a replica may take to have the record.
    const { store, events } = openStore({ url: master.url, replicas: 1, commandTimeoutMs: 2_000 });
    expect((await store.begin('k1', RECORD, 'me')).kind).toBe('fresh');
    expect(await adminOf(replica).exists('vultr-grpc:idempotency:k1')).toBe(1);

    replica.process().kill('SIGSTOP');
    expect((await failureOf(store.begin('k2', RECORD, 'me'))).reason).toBe('replicas');
    expect((await failureOf(store.setPostUntil('k1', 'me', 'boot 2'))).reason).toBe('replicas');
    expect(events).toContainEqual(expect.objectContaining({ kind: 'failed', cause: 'replicas' }));
    // What makes a create neither lost nor double needs no replica.
    await store.complete('k1', Buffer.from('x'));

    replica.process().kill('SIGCONT');
    // Nothing was sent for k2, so the refused attempt has left no trace.
    await eventually(async () => expect((await store.begin('k2', RECORD, 'other')).kind).toBe('fresh'));
  });

  test('survives a failover by Sentinel, and creates go on', { timeout: 40_000 }, async () => {
    const master = await ownRedis();
    const replica = await ownRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
    await replicated(adminOf(master), 1);
    const sentinel = await startSentinel(temporaryFolder(), master.port);
    const service = await startOnSandbox({
      redisUrl: 'redis://mymaster',
      redisSentinels: [{ host: '127.0.0.1', port: 1 }, sentinel],
      redisReplicas: 1,
      httpListen: { host: '127.0.0.1', port: 0 },
    });
    const { client, sandbox, log, app } = service;
    const request_id = randomUUID();
    let first: unknown;
    await eventually(async () => {
      first = (await client.ask('createInstance', { ...REQUEST, request_id })).value;
    });
    // The Sentinel has to have heard of the replica.
    await eventually(async () => {
      const admin = adminOf({ url: `redis://127.0.0.1:${sentinel.port}` });
      expect(await admin.call('SENTINEL', 'REPLICAS', 'mymaster')).toHaveLength(1);
      admin.disconnect();
    });

    await master.stop();
    const refused = await grpcFailureOf(
      client.ask('createInstance', { ...REQUEST, request_id: randomUUID() }),
    );
    expect(refused.info?.reason).toBe('IDEMPOTENCY_UNAVAILABLE');
    expect(sandbox.state.instancesCreated).toBe(1);

    // The new master has no replica yet: the setting is kept to.
    const admin = adminOf(replica);
    await eventually(async () => expect(await admin.info('replication')).toContain('role:master'), 20_000);
    await eventually(async () => {
      const failure = await grpcFailureOf(
        client.ask('createInstance', { ...REQUEST, request_id: randomUUID() }),
      );
      expect(failure.info?.reason).toBe('IDEMPOTENCY_UNAVAILABLE');
      expect(log.lines({ msg: 'Redis fails', cause: 'replicas' }).length).toBeGreaterThan(0);
    });
    await ownRedis(['--replicaof', '127.0.0.1', `${replica.port}`]);
    await eventually(async () => {
      const again = await client.ask('createInstance', { ...REQUEST, request_id });
      expect(again.value).toEqual(first);
    });
    expect(sandbox.state.instancesCreated).toBe(1);
    const metrics = (await sendHttp(app.httpAddress ?? '', 'GET', '/metrics')).text;
    expect(metrics).toMatch(/^redis_failures_total\{use="record",cause="replicas"\} [1-9]/m);
    expect(metrics).toMatch(/^redis_connected\{use="record"\} 1$/m);
  });

  test('is not written when no Sentinel knows the master, and that is said', async () => {
    const { store } = openStore({ url: 'redis://mymaster', sentinels: [{ host: '127.0.0.1', port: 1 }] });
    expect((await failureOf(store.begin('k', RECORD, 'me'))).reason).toBe('failover');
  });
});

describe.skipIf(probe === undefined)(`a Redis that takes no records${needed}`, () => {
  const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };

  test.each<{ cause: string; start: () => Promise<{ url: string; mend: () => Promise<unknown> }> }>([
    {
      cause: 'memory',
      start: async () => {
        const server = await ownRedis(['--maxmemory', '1']);
        const admin = adminOf(server);
        return { url: server.url, mend: () => admin.config('SET', 'maxmemory', '0') };
      },
    },
    {
      cause: 'read_only',
      start: async () => {
        const master = await ownRedis();
        const replica = await ownRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
        await replicated(adminOf(master), 1);
        const admin = adminOf(replica);
        return { url: replica.url, mend: () => admin.call('REPLICAOF', 'NO', 'ONE') };
      },
    },
    {
      cause: 'password',
      start: async () => {
        const server = await ownRedis();
        const admin = adminOf(server);
        const user = ['on', '~*', '+@all'];
        await admin.call('ACL', 'SETUSER', 'me', ...user, '>other');
        return {
          url: server.url.replace('//', '//me:PASSWORD-OF-REDIS@'),
          mend: () => admin.call('ACL', 'SETUSER', 'me', '>PASSWORD-OF-REDIS'),
        };
      },
    },
  ])(
    'for $cause refuses creates with a key, sends nothing, says why, and serves them when it is mended',
    async (given) => {
      const { url, mend } = await given.start();
      const { client, sandbox, log, app } = await startOnSandbox({ redisUrl: url, rate: 30, ...HTTP });
      const get = async (path: string) => (await sendHttp(app.httpAddress ?? '', 'GET', path)).text;
      const create = () => client.ask('createInstance', { ...REQUEST, request_id: randomUUID() });

      const refused = await grpcFailureOf(create());
      expect(refused.info?.reason).toBe('IDEMPOTENCY_UNAVAILABLE');
      expect(sandbox.state.instancesCreated).toBe(0);
      // Everything else is served.
      await client.ask('listInstances', {});
      expect(JSON.parse(await get('/readyz'))).toMatchObject({
        budget: 'degraded',
        idempotency: 'unavailable',
      });
      // On a busy machine the first answer of Redis may be late, which is a cause of its own; the next attempt tells more.
      for (const use of ['record', 'budget']) {
        await eventually(async () => {
          await client.ask('listInstances', {});
          expect(log.lines({ msg: 'Redis fails', use, cause: given.cause }), use).toHaveLength(1);
        });
        expect(await get('/metrics')).toMatch(
          new RegExp(`^redis_failures_total\\{use="${use}",cause="${given.cause}"\\} [1-9]`, 'm'),
        );
      }

      await mend();
      await eventually(create);
      expect(sandbox.state.instancesCreated).toBe(1);
      await eventually(async () =>
        expect(JSON.parse(await get('/readyz'))).toMatchObject({ budget: 'redis', idempotency: 'available' }),
      );
      expect(log.text).not.toContain('PASSWORD-OF-REDIS');
    },
  );
});

describe.skipIf(probe === undefined)(`a Redis that may forget${needed}`, () => {
  const FORGETS = { msg: 'Redis may forget the record of creations' };

  test('is warned of when it evicts or writes nothing to its disk', async () => {
    const { url } = await ownRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru']);
    const { log } = await startOnSandbox({ redisUrl: url });
    await eventually(async () => expect(log.lines(FORGETS)).toHaveLength(1));
    expect(log.lines(FORGETS)).toMatchObject([
      { problem: expect.stringMatching(/maxmemory-policy is volatile-lru.*appendonly is off/) },
    ]);
  });

  test('is not warned of when it does neither', async () => {
    const { url } = await ownRedis(['--appendonly', 'yes', '--dir', temporaryFolder()]);
    const { log, client } = await startOnSandbox({ redisUrl: url });
    await client.ask('createInstance', { ...REQUEST, request_id: randomUUID() });
    expect(log.lines(FORGETS)).toEqual([]);
  });
});

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/overload/redis-server.ts';
import { openRedisCounter } from '../../src/access/redis-counter.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { RedisCommand, RedisTarget } from '../../src/base/redis.ts';
import type { RedisCause } from '../../src/base/redis-error.ts';
import { openReplicaBoard } from '../../src/figures/replicas.ts';
import { openRedisStore } from '../../src/idempotency/redis-store.ts';
import { DEFAULT_BUDGET } from '../../src/vultr/budget/options.ts';
import { createSharedSource } from '../../src/vultr/budget/shared-source.ts';
import type { VultrEvent } from '../../src/vultr/observe.ts';
import { createCa } from '../support/access.ts';
import { closeAtEnd } from '../support/opened.ts';
import {
  adminOf,
  connectTo,
  eventually,
  failureOf,
  ownRedis,
  replicated,
  startSentinel,
} from '../support/redis.ts';
import { temporaryFolder } from '../support/stores.ts';

const program = process.env['REDIS_SERVER'] || 'redis-server';
const version = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '';
const needed = version === '' ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

const SECRET = 'SECRET-OF-REDIS-0123456789';
const SET = ['SET', 'vultr-grpc:x', 'y'] as const;

/** The user that docs/operations.md describes, as arguments of ACL SETUSER. */
function documentedUser(): string[] {
  const text = readFileSync('docs/operations.md', 'utf8');
  const [, rules = ''] = /^user vultr-grpc (.*)$/m.exec(text) ?? [];
  return rules.replace('>PASSWORD', `>${SECRET}`).split(' ');
}

describe.skipIf(version === '')(`the failures of a real Redis are told apart${needed}`, () => {
  /** Expects a command to fail in time, and the failure to be observed as it is thrown, without a secret. */
  async function expectFailure(target: RedisTarget, cause: RedisCause): Promise<void> {
    const { redis, events } = connectTo(target);
    const begun = systemClock.now();
    const failure = await failureOf(redis.send(...SET));
    expect(failure.reason, failure.message).toBe(cause);
    expect(systemClock.now() - begun).toBeLessThan(900);
    expect(events).toContainEqual({ kind: 'failed', use: 'record', cause, text: failure.message });
    expect(inspect([failure, events], { depth: 9, showHidden: true })).not.toContain(SECRET);
  }

  test('nothing listens', async () => {
    const port = await freePort();
    await expectFailure({ url: `redis://me:${SECRET}@127.0.0.1:${port}` }, 'unreachable');
  });

  test('a wrong password, and none where one is needed', async () => {
    const { url } = await ownRedis(['--requirepass', 'right']);
    await expectFailure({ url: url.replace('//', `//:${SECRET}@`) }, 'password');
    await expectFailure({ url: url.replace('//', `//nobody:${SECRET}@`) }, 'password');
    await expectFailure({ url }, 'password');
  });

  test('a user who may not write, or not this key', async () => {
    const server = await ownRedis();
    const admin = adminOf(server);
    await admin.call('ACL', 'SETUSER', 'reader', 'on', `>${SECRET}`, '~*', '+@read', '+hello');
    await admin.call('ACL', 'SETUSER', 'other', 'on', `>${SECRET}`, '~other:*', '+@all');
    await expectFailure({ url: server.url.replace('//', `//reader:${SECRET}@`) }, 'permission');
    await expectFailure({ url: server.url.replace('//', `//other:${SECRET}@`) }, 'permission');
  });

  test('no memory', async () => {
    await expectFailure(await ownRedis(['--maxmemory', '1']), 'memory');
  });

  test('a replica, which is only read, and one that has lost its master', async () => {
    const master = await ownRedis();
    const replica = await ownRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
    await replicated(adminOf(master), 1);
    await expectFailure(replica, 'read_only');
    await adminOf(replica).config('SET', 'replica-serve-stale-data', 'no');
    await master.stop();
    await eventually(async () => {
      const { redis } = connectTo(replica);
      expect((await failureOf(redis.send('GET', 'x'))).reason).toBe('failover');
    });
  });

  test('fewer replicas than writes need', async () => {
    await expectFailure(await ownRedis(['--min-replicas-to-write', '1']), 'replicas');
  });

  test('a Redis that cannot save', async () => {
    const folder = temporaryFolder();
    const server = await ownRedis(['--dir', folder, '--dbfilename', 'dump.rdb', '--save', '1 1']);
    const admin = adminOf(server);
    // A folder of that name: what is saved cannot take its place.
    spawnSync('mkdir', [join(folder, 'dump.rdb')]);
    await admin.set('a', 'b');
    await admin.bgsave().catch(() => undefined);
    await eventually(async () => {
      expect(await admin.info('persistence')).toContain('rdb_last_bgsave_status:err');
    });
    await expectFailure(server, 'disk');
  });

  test('a Redis that is still loading', async () => {
    const folder = temporaryFolder();
    const files = ['--dir', folder, '--dbfilename', 'dump.rdb'];
    const first = await ownRedis(files);
    const admin = adminOf(first);
    await admin.eval("for i = 1, 2000 do redis.call('SET', i, string.rep('x', 100)) end return 1", 0);
    await admin.save();
    await first.stop();
    const slow = await ownRedis([
      ...files,
      '--key-load-delay',
      '2000',
      '--loading-process-events-interval-bytes',
      '1024',
    ]);
    await expectFailure(slow, 'loading');
  });

  test('a script that holds it up', async () => {
    const server = await ownRedis(['--lua-time-limit', '10']);
    const endless = adminOf(server);
    void endless.eval('while true do end', 0).catch(() => undefined);
    const admin = adminOf(server);
    await eventually(async () => {
      const { redis } = connectTo(server);
      expect((await failureOf(redis.send(...SET))).reason).toBe('busy');
    });
    await admin.script('KILL');
  });

  test('too many clients', async () => {
    const server = await ownRedis(['--maxclients', '1']);
    await adminOf(server).ping();
    await expectFailure(server, 'clients');
  });

  test('a Redis that hangs, before and after it is connected to', async () => {
    const server = await ownRedis();
    const { redis, events } = connectTo(server);
    await redis.send(...SET);
    server.process().kill('SIGSTOP');
    const begun = systemClock.now();
    const all = await Promise.all(Array.from({ length: 20 }, () => failureOf(redis.send(...SET))));
    expect(systemClock.now() - begun).toBeLessThan(900);
    expect(new Set(all.map(({ reason }) => reason))).toEqual(new Set(['timeout']));
    expect(events).toContainEqual({
      kind: 'failed',
      use: 'record',
      cause: 'timeout',
      text: 'Command timed out',
    });
    await expectFailure(server, 'timeout');
    server.process().kill('SIGCONT');
    await eventually(() => redis.send(...SET));
  });

  test('a slow Redis is too slow for the budget, and quick enough for the record', async () => {
    const server = await ownRedis();
    const record = connectTo(server, { commandTimeoutMs: 1_000 });
    const budget = connectTo(server, { use: 'budget', commandTimeoutMs: 250, waitsForConnection: false });
    await eventually(() => Promise.all([record.redis.send(...SET), budget.redis.send(...SET)]));
    await adminOf(server).call('CLIENT', 'PAUSE', '500', 'ALL');
    const [written, failure] = await Promise.all([
      record.redis.send(...SET),
      failureOf(budget.redis.send(...SET)),
    ]);
    expect(String(written)).toBe('OK');
    expect(failure.reason).toBe('timeout');
    expect(budget.events).toContainEqual(expect.objectContaining({ use: 'budget', cause: 'timeout' }));
    expect(record.events).toEqual([{ kind: 'ready', use: 'record' }]);
  });

  test('a budget on a replica goes on with its share, and says why', async () => {
    const master = await ownRedis();
    const replica = await ownRedis(['--replicaof', '127.0.0.1', `${master.port}`]);
    await replicated(adminOf(master), 1);
    const events: VultrEvent[] = [];
    const source = createSharedSource({
      clock: systemClock,
      random: Math.random,
      observe: (event) => events.push(event),
      limits: DEFAULT_BUDGET,
      redis: { url: replica.url, probeIntervalMs: 50, connectTimeoutMs: 100, commandTimeoutMs: 100 },
      baseUrl: 'https://api.vultr.com',
    });
    closeAtEnd(() => source.close());
    await source.reserve();
    expect(events).toEqual([
      { kind: 'source', state: 'degraded', error: expect.stringContaining('READONLY') },
    ]);
    // As after a failover to it.
    await adminOf(replica).call('REPLICAOF', 'NO', 'ONE');
    await eventually(async () => expect(source.state().kind).toBe('redis'));
  });

  test('a Sentinel that wants another password', async () => {
    const master = await ownRedis();
    const sentinel = await startSentinel(temporaryFolder(), master.port, ['requirepass right']);
    const target = { url: 'redis://mymaster', sentinels: [sentinel] };
    await eventually(async () => {
      await connectTo({ ...target, sentinelPassword: 'right' }).redis.send(...SET);
    });
    await expectFailure({ ...target, sentinelPassword: SECRET }, 'password');
  });

  test('a connection that is closed', async () => {
    const closing = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(closing, 'listening');
    closeAtEnd(() => closing.close());
    const { port } = closing.address() as AddressInfo;
    await expectFailure({ url: `redis://127.0.0.1:${port}` }, 'closed');
  });
});

describe.skipIf(version === '')(`a Redis with TLS${needed}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const ca = createCa(folder);
  const server = ca.issue('redis', { subject: '/CN=redis', altNames: 'IP:127.0.0.1,DNS:localhost' });
  const client = ca.issue('client', { subject: '/CN=client' });

  async function startSecure(more: readonly string[] = []) {
    const tlsPort = await freePort();
    const files = [
      '--tls-cert-file',
      server.cert,
      '--tls-key-file',
      server.key,
      '--tls-ca-cert-file',
      ca.cert,
    ];
    const running = await ownRedis(['--tls-port', `${tlsPort}`, ...files, ...more]);
    return { ...running, url: `rediss://127.0.0.1:${tlsPort}`, admin: adminOf(running) };
  }

  const read = ({ cert, key }: { cert: string; key: string }) => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const trusted = { ca: readFileSync(ca.cert) };

  test('is reached with its CA and a client certificate', async () => {
    const { url } = await startSecure();
    const { redis } = connectTo({ url, tls: () => ({ ...trusted, ...read(client) }) });
    expect(String(await redis.send(...SET))).toBe('OK');
  });

  test('by name, too', async () => {
    const { url } = await startSecure();
    const named = url.replace('127.0.0.1', 'localhost');
    const { redis } = connectTo({ url: named, tls: () => ({ ...trusted, ...read(client) }) });
    expect(String(await redis.send(...SET))).toBe('OK');
  });

  test.each([
    ['an unknown CA', () => undefined],
    ['no client certificate', () => trusted],
    [
      'a client certificate of another CA',
      () => ({ ...trusted, ...read(createCa(temporaryFolder(), 'other').issue('x', { subject: '/CN=x' })) }),
    ],
  ])('fails as TLS with %s', async (_, tls) => {
    const { url } = await startSecure();
    const options = tls();
    const { redis } = connectTo({ url, ...(options !== undefined && { tls: () => options }) });
    // The server's alert may come after it has closed the connection; the next attempt gets it.
    await eventually(async () => expect((await failureOf(redis.send(...SET))).reason).toBe('tls'));
  });

  test('fails as TLS when the certificate is for another name', async () => {
    const { url } = await startSecure();
    const { redis } = connectTo({
      url: url.replace('127.0.0.1', '127.0.0.2'),
      tls: () => ({ ...trusted, ...read(client) }),
    });
    // Redis listens on 127.0.0.1 alone.
    expect(['tls', 'unreachable']).toContain((await failureOf(redis.send(...SET))).reason);
  });

  test('is reached with a renewed certificate from the next connection on', async () => {
    const { url, admin } = await startSecure();
    let current = { ...trusted, ...read(client) };
    const { redis, events } = connectTo({ url, tls: () => current });
    await redis.send(...SET);
    const other = createCa(temporaryFolder(), 'other').issue('x', { subject: '/CN=x' });
    current = { ...trusted, ...read(other) };
    await redis.send(...SET);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(async () => expect((await failureOf(redis.send(...SET))).reason).toBe('tls'));
    current = { ...trusted, ...read(client) };
    await eventually(() => redis.send(...SET));
    expect(events).toContainEqual({ kind: 'lost', use: 'record' });
  });
});

test.skipIf(version === '')(`a master with TLS is found by Sentinels with TLS${needed}`, async () => {
  const folder = temporaryFolder();
  const ca = createCa(folder);
  const { cert, key } = ca.issue('redis', { subject: '/CN=redis', altNames: 'IP:127.0.0.1' });
  const files: readonly (readonly [string, string])[] = [
    ['tls-cert-file', cert],
    ['tls-key-file', key],
    ['tls-ca-cert-file', ca.cert],
    ['tls-replication', 'yes'],
  ];
  const masterPort = await freePort();
  await ownRedis(['--tls-port', `${masterPort}`, ...files.flatMap(([name, value]) => [`--${name}`, value])]);
  const tlsPort = await freePort();
  await startSentinel(folder, masterPort, [
    `tls-port ${tlsPort}`,
    ...files.map(([name, value]) => `${name} ${value}`),
  ]);
  const material = { ca: readFileSync(ca.cert), cert: readFileSync(cert), key: readFileSync(key) };
  const { redis } = connectTo({
    url: 'rediss://mymaster',
    sentinels: [{ host: '127.0.0.1', port: tlsPort }],
    tls: () => material,
  });
  await eventually(async () => expect(String(await redis.send(...SET))).toBe('OK'));
});

describe.skipIf(version === '')(`the user of the documentation${needed}`, () => {
  test('may do all that the service does, and nothing beyond its prefix', async () => {
    const server = await ownRedis();
    const admin = adminOf(server);
    await admin.call('ACL', 'SETUSER', 'vultr-grpc', ...documentedUser());
    const target = { url: server.url.replace('//', `//vultr-grpc:${SECRET}@`) };

    const store = openRedisStore({ ...target, replicas: 0 });
    const counter = openRedisCounter({ ...target, onError: () => undefined });
    const budget = createSharedSource({
      clock: systemClock,
      random: Math.random,
      observe: () => undefined,
      limits: DEFAULT_BUDGET,
      redis: { ...target, probeIntervalMs: 50, connectTimeoutMs: 100, commandTimeoutMs: 100 },
      baseUrl: 'https://api.vultr.com',
    });
    const replicas = openReplicaBoard({ redis: target, upstream: 'https://api.vultr.com', version: '1' });
    closeAtEnd(async () => {
      replicas.close();
      await store.close();
      counter.close();
      await budget.close();
    });

    const record = { fields: { plan: 'a' }, tag: 'tag', postUntil: 'boot 1' };
    expect((await store.begin('k', record, 'me')).kind).toBe('fresh');
    await store.renew('k', 'me');
    expect(await store.setPostUntil('k', 'me', 'boot 2')).toBe(true);
    await store.complete('k', Buffer.from('x'));
    await store.remove('k', 'me');
    await store.release('k', 'me');
    await store.check();
    expect(await counter.take('bot', '1', 2)).toEqual({ kind: 'taken' });
    await counter.giveBack('bot', '1');
    await budget.reserve();
    await eventually(async () => expect(budget.state().kind).toBe('redis'));
    await budget.slowDown();
    await budget.hold(10);
    await eventually(async () => expect(replicas.list().replicas).toHaveLength(1));
    expect((await admin.keys('*')).filter((key) => !key.startsWith('vultr-grpc:'))).toEqual([]);

    const { redis } = connectTo(target);
    const forbidden: RedisCommand[] = [
      ['SET', 'x', 'y'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['KEYS', '*'],
    ];
    for (const command of forbidden) {
      expect((await failureOf(redis.send(...command))).reason, command[0]).toBe('permission');
    }
    // Nothing that the service does was refused.
    const refused = (await admin.call('ACL', 'LOG')) as unknown[];
    expect(refused).toHaveLength(4);
  });

  test('every key begins with the prefix that is set', async () => {
    const server = await ownRedis();
    const admin = adminOf(server);
    const target = { url: server.url, prefix: 'team-a:' };
    const store = openRedisStore(target);
    const counter = openRedisCounter({ ...target, onError: () => undefined });
    const budget = createSharedSource({
      clock: systemClock,
      random: Math.random,
      observe: () => undefined,
      limits: DEFAULT_BUDGET,
      redis: target,
      baseUrl: 'https://api.vultr.com',
    });
    await store.begin('k', { fields: {}, tag: undefined, postUntil: '' }, 'me');
    await counter.take('bot', '1', 2);
    await budget.reserve();
    await store.close();
    counter.close();
    await budget.close();
    expect((await admin.keys('*')).toSorted()).toEqual([
      'team-a:budget:https://api.vultr.com',
      'team-a:creates:bot',
      'team-a:idempotency:k',
    ]);
  });
});

import { randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { startOnSandbox, startService, type TestService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

const REQUEST = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284' };
const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
const LOST = { msg: 'the record of creations is not available: creations with a key are refused' };
const BACK = { msg: 'the record of creations is available again' };

/** What readiness and metrics say of the record. */
async function stateOf({ app }: TestService): Promise<readonly [readiness: string, metric: string]> {
  const { httpAddress = '' } = app;
  const ready = await sendHttp(httpAddress, 'GET', '/readyz');
  const metrics = await sendHttp(httpAddress, 'GET', '/metrics');
  // A service without its record still serves everything else.
  expect(ready.status).toBe(200);
  const [, metric = ''] = /^vultr_idempotency_available (\d)$/m.exec(metrics.text) ?? [];
  return [JSON.parse(ready.text).idempotency, metric];
}

async function expectRefused({ client }: TestService): Promise<void> {
  const failure = await failureOf(client.ask('createInstance', { ...REQUEST, request_id: randomUUID() }));
  expect(failure.code).toBe('UNAVAILABLE');
  expect(failure.info?.reason).toBe('IDEMPOTENCY_UNAVAILABLE');
  expect(failure.retryDelayMs).toBeGreaterThan(0);
}

test('a state folder that goes away while the service runs is seen everywhere, and so is its return', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const service = await startOnSandbox({ stateDir, ...HTTP });
  const { client, sandbox, log } = service;
  const request_id = randomUUID();
  const before = await client.ask('createInstance', { ...REQUEST, request_id });
  expect(await stateOf(service)).toEqual(['available', '1']);

  renameSync(stateDir, `${stateDir}-aside`);
  await expectRefused(service);
  expect(await stateOf(service)).toEqual(['unavailable', '0']);
  expect(log.lines(LOST)).toMatchObject([{ error: expect.stringContaining(stateDir) }]);
  // Nothing was sent for what was refused; a creation without a key does not need the record.
  expect(sandbox.state.instancesCreated).toBe(1);
  await client.ask('createInstance', REQUEST);
  expect(sandbox.state.instancesCreated).toBe(2);

  renameSync(`${stateDir}-aside`, stateDir);
  const again = await client.ask('createInstance', { ...REQUEST, request_id });
  expect(again.value).toEqual(before.value);
  expect(await stateOf(service)).toEqual(['available', '1']);
  expect(log.lines(BACK)).toHaveLength(1);
});

test.skipIf(server === undefined)(
  `a Redis that goes away while the service runs is seen everywhere, and used again when it is back${needed}`,
  { timeout: 30_000 },
  async () => {
    const own = await startRedisServer();
    const service = await startOnSandbox({ redisUrl: own?.url, ...HTTP });
    try {
      const { client, sandbox, log } = service;
      await client.ask('createInstance', { ...REQUEST, request_id: randomUUID() });
      expect(await stateOf(service)).toEqual(['available', '1']);

      await own?.stop();
      await expectRefused(service);
      expect(await stateOf(service)).toEqual(['unavailable', '0']);
      expect(log.lines(LOST)).toHaveLength(1);
      expect(sandbox.state.instancesCreated).toBe(1);

      await own?.start();
      await expect.poll(() => stateOf(service), { timeout: 15_000 }).toEqual(['available', '1']);
      expect(log.lines(BACK)).toHaveLength(1);
      await client.ask('createInstance', { ...REQUEST, request_id: randomUUID() });
      expect(sandbox.state.instancesCreated).toBe(2);
    } finally {
      await service.app.close();
      await own?.stop();
    }
  },
);

test('a service whose Redis is not there starts, says so, and never logs the password', async () => {
  const service = await startOnSandbox({ redisUrl: 'redis://user:PASSWORD-OF-REDIS@127.0.0.1:9', ...HTTP });
  expect(await stateOf(service)).toEqual(['unavailable', '0']);
  await expectRefused(service);
  expect(service.log.lines(LOST)).toHaveLength(1);
  expect(service.log.text).not.toContain('PASSWORD-OF-REDIS');
});

test.skipIf(server === undefined)(`a wrong password of Redis is not logged${needed}`, async () => {
  const url = (server?.url ?? '').replace('redis://', 'redis://user:PASSWORD-OF-REDIS@');
  const service = await startOnSandbox({ redisUrl: url, ...HTTP });
  expect(await stateOf(service)).toEqual(['unavailable', '0']);
  await expectRefused(service);
  expect(service.log.lines(LOST)).toMatchObject([{ error: expect.stringContaining('WRONGPASS') }]);
  expect(service.log.text).not.toContain('PASSWORD-OF-REDIS');
});

test('a service whose state folder cannot be used does not start, and says what to change', async () => {
  const starting = startService({ upstream: new URL('http://127.0.0.1:9'), stateDir: '/proc/x' });
  await expect(starting).rejects.toThrow(/^STATE_DIR: .*\/proc\/x.*"memory"/);
});

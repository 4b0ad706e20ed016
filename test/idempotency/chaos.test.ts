import { afterAll, describe, expect, test } from 'vitest';
import { type CreatesPlan, runCreates } from '../../bench/creates/run.ts';
import { startRedisServer } from '../../bench/overload/redis-server.ts';
import { temporaryFolder } from '../support/stores.ts';

const server = await startRedisServer();
afterAll(() => server?.stop());
const needed =
  server === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

/** Two processes, killed in the middle, over a Vultr that loses every fifth response. */
const PLAN = { ids: 150, callers: 50, processes: 2, killEveryMs: 1_500, faultRate: 0.2, seed: 11 };

async function expectOneEach(plan: CreatesPlan): Promise<void> {
  const result = await runCreates(plan);
  expect(result).toMatchObject({
    instancesMade: plan.ids,
    idsWithSeveralInstances: 0,
    instancesShared: 0,
    withoutReply: 0,
  });
  // Without these the run would have shown nothing.
  expect(result.kills).toBeGreaterThan(0);
  expect(result.faultsHit).toBeGreaterThan(0);
  expect(result.failures['CREATE_UNCERTAIN']).toBeGreaterThan(0);
}

describe('as many instances are made as keys are used, whatever is lost and killed', () => {
  test('with the record in a file', { timeout: 120_000 }, async () => {
    await expectOneEach({ ...PLAN, record: { stateDir: temporaryFolder() } });
  });

  test.skipIf(server === undefined)(`with the record in Redis${needed}`, { timeout: 120_000 }, async () => {
    await expectOneEach({ ...PLAN, record: { redisUrl: server?.url ?? '' } });
  });
});

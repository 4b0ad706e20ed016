import { expect, test } from 'vitest';
import { startRedisServer } from '../../../bench/overload/redis-server.ts';
import { type OverloadResult, runOverload } from '../../../bench/overload/run.ts';

const redis = await startRedisServer();
const needed =
  redis === undefined ? ' (left out: no redis-server; Debian: apt-get install redis-server)' : '';

/** What holds of every overload. How much of the budget is used depends on the machine: bench/overload.ts tells it. */
function expectFair(result: OverloadResult): void {
  expect(result.mostInOneSecond).toBeLessThanOrEqual(30);
  expect(result.answered429).toBe(0);
  expect(result.calls).toMatchObject({ deadline: 0, other: 0, late: 0 });
  // In so short a run one request is a quarter of a fair share.
  expect(result.slowestShare).toBeGreaterThan(0.5);
  expect(result.budgetUsed).toBeGreaterThan(0.3);
}

test('50 callers who ask ten times too much keep one process within the budget', async () => {
  expectFair(await runOverload({ processes: 1, seconds: 8, redis: undefined, outage: false }));
});

test.skipIf(redis === undefined)(`and three processes, when Redis goes and comes back${needed}`, async () => {
  try {
    const result = await runOverload({ processes: 3, seconds: 12, redis, outage: true });
    expectFair(result);
    for (const { sources } of result.replicas) expect(sources).toContain('degraded');
  } finally {
    await redis?.stop();
  }
});

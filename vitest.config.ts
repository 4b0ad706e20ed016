import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests that put the machine under load, or count what happens within a second: one at a time, after all others. */
const ALONE = [
  'test/app/blocking.test.ts',
  'test/vultr/budget/overload.test.ts',
  'test/idempotency/chaos.test.ts',
];

/** The suites and clients of others have a run of their own: npm run test:foreign. */
const FOREIGN = 'test/foreign/**';

/** Servers, sandboxes and child processes on shared, slow machines. */
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' as const };

export default defineConfig({
  test: {
    // Vitest would leave one processor to itself; but most of the tests wait for sockets most of the time.
    maxWorkers: Math.max(2, availableParallelism()),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/gen/**'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, FOREIGN],
          ...timeouts,
          // On a machine with two processors Vitest would run a project without an order of its own last.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          ...timeouts,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config';

/** The suites and clients of others: one at a time, since most of them keep the machine busy by themselves. */
export default defineConfig({
  test: {
    include: ['test/foreign/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', './test/foreign/proof/reporter.ts'],
  },
});

import type { TestContext } from 'vitest';

/** What a suite that counts cases of its own came to. */
export interface Cases {
  /** As in suites.ts. */
  readonly suite: string;
  readonly passed: number;
  readonly total: number;
  /** How many failed as they are known to. */
  readonly known: number;
}

declare module 'vitest' {
  interface TaskMeta {
    cases?: Cases;
  }
}

/** Has the cases that a test has counted stand in docs/proof.md, in the place of the test itself. */
export function recordCases(task: TestContext['task'], cases: Cases): void {
  task.meta.cases = cases;
}

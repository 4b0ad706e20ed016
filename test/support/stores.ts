import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import type { BootClock } from '../../src/idempotency/boot-clock.ts';
import { SqliteDatabase, type SqliteDatabaseOptions } from '../../src/idempotency/sqlite-database.ts';
import type { IdempotencyStore } from '../../src/idempotency/store.ts';
import { ManualClock } from './budget.ts';

/** A folder of its own for a test; it is gone at the end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A machine whose time a test holds: what passes, what the wall clock shows, and when it was started. */
export class TestMachine {
  readonly time = new ManualClock();
  #wallAheadMs = 0;
  #bootId = 'boot-1';
  #bootedAtMs = this.time.now() - 1_000_000;

  /** The wall clock. */
  readonly wall = (): number => this.time.now() + this.#wallAheadMs;

  /** Sets the wall clock forward, or back. */
  step(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Starts the machine again. */
  reboot(): void {
    this.#bootId = `${this.#bootId}+1`;
    this.#bootedAtMs = this.time.now();
  }

  /** The clocks of a process that is started now: it goes by the wall clock of this moment from then on. */
  startProcess(): { readonly clock: Clock; readonly boot: BootClock } {
    const aheadMs = this.#wallAheadMs;
    const [bootId, bootedAtMs] = [this.#bootId, this.#bootedAtMs];
    return {
      clock: { now: () => this.time.now() + aheadMs, sleep: this.time.sleep },
      boot: { bootId, uptimeMs: () => this.time.now() - bootedAtMs },
    };
  }
}

/** A store that works on its database at once and in this thread, so that a test can hold its clocks. */
export function openTestStore(
  machine: TestMachine,
  {
    path = ':memory:',
    limits = {},
  }: { path?: string; limits?: Partial<SqliteDatabaseOptions['limits']> } = {},
): IdempotencyStore {
  const database = new SqliteDatabase({
    path,
    now: machine.wall,
    boot: machine.startProcess().boot,
    limits: { leaseMs: 5_000, rememberedMs: 86_400_000, maxRecords: 100, ...limits },
  });
  let isOpen = true;
  return {
    begin: async (...args) => database.begin(...args),
    renew: async (...args) => database.renew(...args),
    setPostUntil: async (...args) => database.setPostUntil(...args),
    complete: async (...args) => database.complete(...args),
    remove: async (...args) => database.remove(...args),
    release: async (...args) => database.release(...args),
    check: async () => undefined,
    probe: async () => database.probe(),
    close: async () => {
      if (isOpen) database.close();
      isOpen = false;
    },
  };
}

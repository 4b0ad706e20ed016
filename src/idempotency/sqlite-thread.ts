import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SqliteMethod, SqliteRequest, SqliteResponse, SqliteWorkerData } from './sqlite-worker.ts';

/** How long opening, and any other request, may take. */
const TIMEOUT_MS = 5_000;

/**
 * How long a request may wait until the thread starts on it: it then has time to be carried out before it is reported as
 * failed. A request that was reported as failed and carried out all the same would leave its key in doubt.
 */
const START_WITHIN_MS = 2_500;

/** The thread that works on the database. */
export interface SqliteThread {
  /** Rejects with what the database failed with, or when it takes too long. */
  request(method: SqliteMethod, ...args: readonly unknown[]): Promise<unknown>;
  /** @throws Error when the thread has ended */
  assertRunning(): void;
  /** Carries out what was requested before, closes the database and ends the thread. */
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** The requests that wait for a response of the thread, by their ids. */
class PendingRequests {
  readonly #pending = new Map<number, Pending>();

  wait(id: number): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      reject(new Error(`The record of creations did not respond within ${TIMEOUT_MS} ms.`));
    }, TIMEOUT_MS);
    this.#pending.set(id, { resolve, reject, timer });
    return promise;
  }

  settle(response: SqliteResponse): void {
    const waiting = this.#pending.get(response.id);
    if (waiting === undefined) return;
    this.#pending.delete(response.id);
    clearTimeout(waiting.timer);
    if ('error' in response) waiting.reject(new Error(response.error));
    else waiting.resolve(response.result);
  }

  rejectAll(error: Error): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#pending.clear();
  }
}

/**
 * Starts the thread and opens the database in it.
 * @throws Error when the database cannot be opened, or not in time
 */
export async function startSqliteThread(workerData: SqliteWorkerData): Promise<SqliteThread> {
  // The worker has the ending that this file has: .ts from a checkout, .js in the package.
  const url = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(url, { workerData, env: {} });
  worker.unref();
  const pending = new PendingRequests();
  let ended: Error | undefined;
  let lastId = 0;

  function end(thrown: unknown): void {
    ended ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    pending.rejectAll(ended);
  }

  function assertRunning(): void {
    if (ended !== undefined) throw ended;
  }

  worker.on('message', (response: SqliteResponse) => pending.settle(response));
  worker.on('error', end);
  worker.on('exit', () => end(new Error('The thread that keeps the record of creations has ended.')));
  try {
    await pending.wait(0);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    assertRunning,
    request: async (method, ...args) => {
      assertRunning();
      lastId += 1;
      const result = pending.wait(lastId);
      const startBy = process.hrtime.bigint() + BigInt(START_WITHIN_MS) * 1_000_000n;
      worker.postMessage({ id: lastId, method, args, startBy } satisfies SqliteRequest);
      return await result;
    },
    close: async () => {
      if (ended !== undefined) return;
      // Nothing else may keep the process alive until the database is closed.
      worker.ref();
      const exit = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close');
      await exit;
    },
  };
}

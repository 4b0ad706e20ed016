import { mkdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { REMEMBERED_MS } from './record.ts';
import type { SqliteMethod, SqliteRequest, SqliteResponse, SqliteWorkerData } from './sqlite-worker.ts';
import type { Begun, IdempotencyStore, StoreLimits } from './store.ts';

/** What a store in a file is made of. */
export interface SqliteStoreOptions {
  /** The folder of the file, which is made when there is none; undefined: in memory, gone when it is closed. */
  readonly stateDir: string | undefined;
  /** Told when the file is gone while the service runs, or the thread that works on it has failed. */
  readonly onError: (error: Error) => void;
  readonly limits?: Partial<StoreLimits & { readonly maxRecords: number }>;
}

/** The file in the folder. */
const FILE = 'idempotency.sqlite';

/** How long opening and any other request may take: longer than another process may hold the file. */
const REQUEST_TIMEOUT_MS = 5_000;

/** How often it is checked that the file is still there. */
const CHECK_INTERVAL_MS = 5_000;

/**
 * Opens the store in a file, which may be shared by several processes of one machine. The database is worked on in a thread
 * of its own. When the file goes away (its folder was deleted, another file took its place), the store is unavailable: what
 * is written to a deleted file would be lost.
 * @throws Error that says which folder cannot be used, why, and what to do
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<IdempotencyStore> {
  const { stateDir, onError, limits = {} } = options;
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS, maxRecords = 100_000 } = limits;
  const file = stateDir === undefined ? ':memory:' : join(stateDir, FILE);
  try {
    if (stateDir !== undefined) await makeFolder(stateDir);
    const thread = await startThread({ file, limits: { leaseMs, rememberedMs, maxRecords } }, onError);
    const identity = stateDir === undefined ? undefined : await identityOf(file);
    return createStore(thread, createWatch(file, identity, onError));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `STATE_DIR: the record of creations cannot be kept in ${stateDir}: ${why}. Name a folder that can be written to, or "memory" to keep the record only until the service stops.`,
      { cause },
    );
  }
}

function createStore(thread: SqliteThread, watch: FileWatch): IdempotencyStore {
  return {
    begin: async (key, record, owner) => {
      await watch.check();
      return (await thread.request('begin', key, record, owner)) as Begun;
    },
    renew: async (key, owner) => {
      await thread.request('renew', key, owner);
    },
    setPostUntil: async (key, owner, postUntil) =>
      (await thread.request('setPostUntil', key, owner, postUntil)) as boolean,
    complete: async (key, response) => {
      await thread.request('complete', key, response);
    },
    remove: async (key, owner) => {
      await thread.request('remove', key, owner);
    },
    release: async (key, owner) => {
      await thread.request('release', key, owner);
    },
    isAvailable: () => thread.isRunning() && watch.isThere(),
    close: async () => {
      watch.stop();
      await thread.close();
    },
  };
}

/**
 * Makes a folder and those above it. Not with mkdir's own `recursive`: below /proc it never comes to an end.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    const parent = dirname(folder);
    if (code !== 'ENOENT' || parent === folder || (await exists(parent))) throw error;
    await makeFolder(parent);
    await mkdir(folder, { mode: 0o700 });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await identityOf(path).catch(() => undefined)) !== undefined;
}

/** What tells a file from one that has taken its place. */
async function identityOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path);
  return `${dev}:${ino}`;
}

/** Watches that a file is still the one that was opened. */
interface FileWatch {
  /** Rejects when it is not. */
  check(): Promise<void>;
  isThere(): boolean;
  stop(): void;
}

function createWatch(
  file: string,
  identity: string | undefined,
  onError: (error: Error) => void,
): FileWatch {
  let isThere = true;
  const check = async (): Promise<void> => {
    if (identity === undefined) return;
    const found = await identityOf(file).catch(() => undefined);
    if (found === identity) {
      isThere = true;
      return;
    }
    const error = new Error(
      `${file} is gone or was replaced while the service runs. Creations with a key are refused until the service is restarted.`,
    );
    if (isThere) onError(error);
    isThere = false;
    throw error;
  };
  const timer = setInterval(() => void check().catch(() => undefined), CHECK_INTERVAL_MS);
  timer.unref();
  return { check, isThere: () => isThere, stop: () => clearInterval(timer) };
}

/** The thread that works on the database. */
interface SqliteThread {
  /** Rejects with what the database failed with, or when it takes too long. */
  request(method: SqliteMethod, ...args: readonly unknown[]): Promise<unknown>;
  isRunning(): boolean;
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

async function startThread(
  workerData: SqliteWorkerData,
  onError: (error: Error) => void,
): Promise<SqliteThread> {
  // The worker has the ending that this file has: .ts from a checkout, .js in the package.
  const url = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(url, { workerData, env: {} });
  worker.unref();
  const pending = new Map<number, Pending>();
  let isRunning = true;
  let lastId = 0;

  const wait = (id: number): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      pending.delete(id);
      reject(new Error(`The record of creations did not answer within ${REQUEST_TIMEOUT_MS} ms.`));
    }, REQUEST_TIMEOUT_MS);
    pending.set(id, { resolve, reject, timer });
    return promise;
  };
  const stopAll = (error: Error): void => {
    isRunning = false;
    for (const { reject, timer } of pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    pending.clear();
  };
  worker.on('message', (response: SqliteResponse) => {
    const waiting = pending.get(response.id);
    if (waiting === undefined) return;
    pending.delete(response.id);
    clearTimeout(waiting.timer);
    if ('error' in response) waiting.reject(new Error(response.error));
    else waiting.resolve(response.result);
  });
  worker.on('error', (error: Error) => {
    stopAll(error);
    onError(error);
  });
  worker.on('exit', () => stopAll(new Error('The thread that keeps the record of creations has ended.')));

  await wait(0);
  return {
    request: async (method, ...args) => {
      if (!isRunning) throw new Error('The thread that keeps the record of creations has ended.');
      lastId += 1;
      const result = wait(lastId);
      worker.postMessage({ id: lastId, method, args } satisfies SqliteRequest);
      return await result;
    },
    isRunning: () => isRunning,
    close: async () => {
      if (!isRunning) return;
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close');
      await ended;
    },
  };
}

import { parentPort, workerData } from 'node:worker_threads';
import { createBootClock } from './boot-clock.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import type { StoreLimits } from './store.ts';

/** What the worker is started with. */
export interface SqliteWorkerData {
  /** Of the file, or `:memory:`. */
  readonly path: string;
  readonly limits: StoreLimits & { readonly maxRecords: number };
}

/** The methods that may be asked for. */
export type SqliteMethod = Exclude<keyof SqliteDatabase, 'close'>;

/** What the worker is asked. */
export interface SqliteRequest {
  readonly id: number;
  readonly method: SqliteMethod;
  readonly args: readonly unknown[];
  /** After this moment, as process.hrtime tells it, which all threads share, the request is no longer started. */
  readonly startBy: bigint;
}

/** What it responds: with the id 0 that it is open or cannot be, then what came of each request. */
export type SqliteResponse =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** Runs the database in this thread, so that neither a slow disk nor a locked file holds up the service. */
function run({ path, limits }: SqliteWorkerData): void {
  const respond = (response: SqliteResponse): void => parentPort?.postMessage(response);
  let database: SqliteDatabase;
  try {
    database = new SqliteDatabase({ path, now: Date.now, boot: createBootClock(), limits });
  } catch (error) {
    respond({ id: 0, error: textOf(error) });
    return;
  }
  respond({ id: 0, result: undefined });
  parentPort?.on('message', (request: SqliteRequest | 'close') => {
    if (request === 'close') {
      database.close();
      parentPort?.close();
      return;
    }
    const { id } = request;
    try {
      respond({ id, result: carryOut(database, request) });
    } catch (error) {
      respond({ id, error: textOf(error) });
    }
  });
}

function carryOut(database: SqliteDatabase, { method, args, startBy }: SqliteRequest): unknown {
  if (process.hrtime.bigint() > startBy) throw new Error('The record of creations is too slow.');
  // The other side is typed by the same method names; messages lose their types on the way.
  const call = database[method] as (...given: readonly unknown[]) => unknown;
  return call.apply(database, [...args]);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

run(workerData as SqliteWorkerData);

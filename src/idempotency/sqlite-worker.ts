import { parentPort, workerData } from 'node:worker_threads';
import { createBootClock } from '../base/clock.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import type { StoreLimits } from './store.ts';

/** What the worker is started with. */
export interface SqliteWorkerData {
  readonly file: string;
  readonly limits: StoreLimits & { readonly maxRecords: number };
}

/** The methods that may be asked for. */
export type SqliteMethod = Exclude<keyof SqliteDatabase, 'close'>;

/** What the worker is asked. */
export interface SqliteRequest {
  readonly id: number;
  readonly method: SqliteMethod;
  readonly args: readonly unknown[];
}

/** What it says: first that it is open or cannot be, with the id 0, then what came of each request. */
export type SqliteResponse =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** Runs the database in this thread, so that neither a slow disk nor a locked file holds up the service. */
function run({ file, limits }: SqliteWorkerData): void {
  const respond = (response: SqliteResponse): void => parentPort?.postMessage(response);
  let database: SqliteDatabase;
  try {
    database = new SqliteDatabase({ file, now: Date.now, boot: createBootClock(), limits });
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
    const { id, method, args } = request;
    try {
      // The other side is typed by the same method names; messages lose their types on the way.
      const call = database[method] as (...given: readonly unknown[]) => unknown;
      respond({ id, result: call.apply(database, [...args]) });
    } catch (error) {
      respond({ id, error: textOf(error) });
    }
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

run(workerData as SqliteWorkerData);

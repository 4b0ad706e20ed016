import { join } from 'node:path';
import { REMEMBERED_MS } from './record.ts';
import { startSqliteThread } from './sqlite-thread.ts';
import { prepareFolder, rememberFile } from './state-file.ts';
import type { Begun, IdempotencyStore, StoreLimits } from './store.ts';

/** What a store in SQLite is opened with. */
export interface SqliteStoreOptions {
  /** The folder of the file, which is made when it does not exist; undefined: in memory, gone when it is closed. */
  readonly stateDir: string | undefined;
  readonly limits?: Partial<StoreLimits & { readonly maxRecords: number }>;
}

/** The file in the folder. */
const FILE = 'idempotency.sqlite';

/**
 * Opens the store in a file, which several processes of one machine may share. The database is worked on in a thread of its
 * own. When the file goes away, because its folder was deleted or another file took its place, nothing more is recorded:
 * what is written to a deleted file is lost.
 * @throws Error that says which folder cannot be used, why, and what to do
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<IdempotencyStore> {
  const { stateDir } = options;
  if (stateDir === undefined) return await open(':memory:', undefined, options);
  try {
    await prepareFolder(stateDir);
    return await open(join(stateDir, FILE), FILE, options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `STATE_DIR: the record of creations cannot be kept in ${stateDir}: ${why}. Name a folder that can be written to, or "memory" to keep the record only until the service stops.`,
      { cause },
    );
  }
}

async function open(
  path: string,
  fileName: string | undefined,
  { limits = {} }: SqliteStoreOptions,
): Promise<IdempotencyStore> {
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS, maxRecords = 100_000 } = limits;
  const thread = await startSqliteThread({ path, limits: { leaseMs, rememberedMs, maxRecords } }).catch(
    (error: Error) => {
      throw fileName === undefined ? error : new Error(`${fileName}: ${error.message}`, { cause: error });
    },
  );
  const file = fileName === undefined ? undefined : await rememberFile(path);
  const check = async (): Promise<void> => {
    thread.assertRunning();
    await file?.check();
  };
  return {
    begin: async (key, record, owner) => {
      await check();
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
    check,
    probe: async () => {
      await check();
      await thread.request('probe');
    },
    close: () => thread.close(),
  };
}

import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { type CreationRequest, REMEMBERED_MS } from './record.ts';
import { type Begun, type CreationStore, readFields, type StoreLimits, writeFields } from './store.ts';

/** What a store in a file is made of. */
export interface SqliteStoreOptions {
  /** The folder of the file, which is made when there is none; undefined: in memory, gone when it is closed. */
  readonly stateDir: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly limits?: Partial<StoreLimits & { readonly maxRecords: number }>;
}

/** The version of the tables, in `PRAGMA user_version`. */
const SCHEMA_VERSION = 1;

/** How long another process may hold the file. */
const BUSY_TIMEOUT_MS = 2_000;

const SCHEMA = `
  CREATE TABLE creations (
    key TEXT PRIMARY KEY,
    fields TEXT NOT NULL,
    mark TEXT,
    post_until_ms INTEGER NOT NULL,
    owner TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    answer BLOB,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX creations_by_expiry ON creations (expires_at_ms);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens the store in `creations.sqlite` of the folder, which may be shared by several processes of one machine. Each change
 * is on the disk when its promise resolves (write-ahead log, synchronous = FULL).
 * @throws Error that says which file cannot be used, and why
 */
export function openSqliteStore({ stateDir, now, limits = {} }: SqliteStoreOptions): CreationStore {
  const { leaseMs = 5_000, rememberedMs = REMEMBERED_MS, maxRecords = 100_000 } = limits;
  const database = openDatabase(stateDir);
  const statements = {
    expire: database.prepare('DELETE FROM creations WHERE expires_at_ms <= ?'),
    count: database.prepare('SELECT count(*) AS count FROM creations'),
    read: database.prepare('SELECT * FROM creations WHERE key = ?'),
    insert: database.prepare('INSERT INTO creations VALUES (?, ?, ?, ?, ?, ?, NULL, ?)'),
    take: database.prepare('UPDATE creations SET owner = ?, lease_until_ms = ? WHERE key = ?'),
    lease: database.prepare('UPDATE creations SET lease_until_ms = ? WHERE key = ? AND owner = ?'),
    postUntil: database.prepare(
      'UPDATE creations SET post_until_ms = ? WHERE key = ? AND owner = ? AND answer IS NULL',
    ),
    complete: database.prepare('UPDATE creations SET answer = ? WHERE key = ? AND answer IS NULL'),
    remove: database.prepare('DELETE FROM creations WHERE key = ? AND owner = ? AND answer IS NULL'),
  };

  function begin(key: string, request: CreationRequest, owner: string): Begun {
    const nowMs = now();
    statements.expire.run(nowMs);
    const fields = writeFields(request.fields);
    const row = statements.read.get(key);
    if (row === undefined) {
      if (Number(statements.count.get()?.['count']) >= maxRecords) {
        throw new Error(`The record of creations holds ${maxRecords} ids, which is all that it may.`);
      }
      const { mark = null, postUntilMs } = request;
      statements.insert.run(key, fields, mark, postUntilMs, owner, nowMs + leaseMs, nowMs + rememberedMs);
      return { kind: 'fresh' };
    }
    if (row['fields'] !== fields) return { kind: 'other', fields: readFields(String(row['fields'])) };
    if (row['answer'] instanceof Uint8Array) return { kind: 'done', answer: row['answer'] };
    if (Number(row['lease_until_ms']) > nowMs) return { kind: 'busy' };
    statements.take.run(owner, nowMs + leaseMs, key);
    return { kind: 'taken', record: toSent(row, request.fields) };
  }

  return {
    begin: async (key, request, owner) => inTransaction(database, () => begin(key, request, owner)),
    renew: async (key, owner) => {
      statements.lease.run(now() + leaseMs, key, owner);
    },
    setPostUntil: async (key, owner, postUntilMs) =>
      Number(statements.postUntil.run(postUntilMs, key, owner).changes) === 1,
    complete: async (key, answer) => {
      statements.complete.run(answer, key);
    },
    remove: async (key, owner) => {
      statements.remove.run(key, owner);
    },
    release: async (key, owner) => {
      statements.lease.run(0, key, owner);
    },
    close: async () => database.close(),
  };
}

function toSent(row: Record<string, SQLOutputValue>, fields: CreationRequest['fields']) {
  const mark = row['mark'] === null ? undefined : String(row['mark']);
  return { state: 'sent', fields, mark, postUntilMs: Number(row['post_until_ms']) } as const;
}

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  // IMMEDIATE: two processes must not both read that an id is new.
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function openDatabase(stateDir: string | undefined): DatabaseSync {
  const file = stateDir === undefined ? ':memory:' : join(stateDir, 'creations.sqlite');
  let database: DatabaseSync | undefined;
  try {
    if (stateDir !== undefined) mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    if (stateDir !== undefined) chmodSync(file, 0o600);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    const opened = database;
    inTransaction(opened, () => prepareSchema(opened));
    return database;
  } catch (cause) {
    database?.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The record of creations cannot be kept in ${file}: ${why}`, { cause });
  }
}

function prepareSchema(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version === SCHEMA_VERSION) return;
  if (version !== 0) {
    throw new Error(`it was written by another version (${version}; this one writes ${SCHEMA_VERSION})`);
  }
  database.exec(SCHEMA);
}

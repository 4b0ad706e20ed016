import { chmodSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import type { BootClock } from './boot-clock.ts';
import type { SentRecord } from './record.ts';
import { type Begun, readFields, type StoreLimits, writeFields } from './store.ts';

/** What the database is opened with. */
export interface SqliteDatabaseOptions {
  /** Of the file; `:memory:` for a database that is gone when it is closed. */
  readonly path: string;
  /** Milliseconds since the epoch, by the wall clock: only it can tell, after a restart of the machine, how old a record is. */
  readonly now: () => number;
  readonly boot: BootClock;
  readonly limits: StoreLimits & { readonly maxRecords: number };
}

/** The version of the tables, in `PRAGMA user_version`. */
const SCHEMA_VERSION = 1;

/** How long a request waits while another process has locked the file. */
const BUSY_TIMEOUT_MS = 2_000;

const SCHEMA = `
  CREATE TABLE records (
    key TEXT PRIMARY KEY,
    fields TEXT NOT NULL,
    tag TEXT,
    post_until TEXT NOT NULL,
    owner TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    begun_uptime_ms INTEGER NOT NULL,
    lease_until_uptime_ms INTEGER NOT NULL,
    response BLOB,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX records_by_expiry ON records (expires_at_ms);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** A record is dropped when its day is over by the wall clock and, where it was begun since the machine started, by its uptime. */
const EXPIRE = `
  DELETE FROM records
  WHERE expires_at_ms <= :now AND (boot_id <> :boot OR begun_uptime_ms + :remembered <= :uptime)
`;

/**
 * The record of creations in SQLite. Every method blocks its thread until the change is on the disk (write-ahead log,
 * synchronous = FULL), so it belongs in a thread of its own. Leases are measured by the uptime of the machine: no step of the
 * wall clock ends or prolongs one, and those from before a restart of the machine are over.
 */
export class SqliteDatabase {
  readonly #options: SqliteDatabaseOptions;
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

  /** @throws Error when the file cannot be used */
  constructor(options: SqliteDatabaseOptions) {
    this.#options = options;
    const { path } = options;
    this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      if (path !== ':memory:') chmodSync(path, 0o600);
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      this.#inTransaction(() => this.#prepareSchema());
      this.#statements = prepareAll(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** As IdempotencyStore.begin. */
  begin(key: string, record: SentRecord, owner: string): Begun {
    return this.#inTransaction(() => this.#begin(key, record, owner));
  }

  renew(key: string, owner: string): void {
    this.#statements.lease.run(this.#uptimeMs() + this.#options.limits.leaseMs, key, owner);
  }

  setPostUntil(key: string, owner: string, postUntil: string): boolean {
    return Number(this.#statements.postUntil.run(postUntil, key, owner).changes) === 1;
  }

  complete(key: string, response: Uint8Array): void {
    this.#statements.complete.run(response, key);
  }

  remove(key: string, owner: string): void {
    this.#statements.remove.run(key, owner);
  }

  release(key: string, owner: string): void {
    this.#statements.lease.run(0, key, owner);
  }

  /**
   * Tries a write that changes nothing.
   * @throws Error when a new creation could not be recorded
   */
  probe(): void {
    this.#inTransaction(() => {
      this.#expire();
      this.#assertRoom();
      this.#database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    });
  }

  close(): void {
    this.#database.close();
  }

  #begin(key: string, record: SentRecord, owner: string): Begun {
    const { now, boot, limits } = this.#options;
    this.#expire();
    const uptime = this.#uptimeMs();
    const fields = writeFields(record.fields);
    const row = this.#statements.read.get(key);
    const leaseUntil = uptime + limits.leaseMs;
    if (row === undefined) {
      this.#assertRoom();
      const { tag = null, postUntil } = record;
      const expiresAt = now() + limits.rememberedMs;
      const { bootId } = boot;
      this.#statements.insert.run(key, fields, tag, postUntil, owner, bootId, uptime, leaseUntil, expiresAt);
      return { kind: 'fresh' };
    }
    if (row['fields'] !== fields) return { kind: 'conflict', fields: readFields(String(row['fields'])) };
    if (row['response'] instanceof Uint8Array) return { kind: 'done', response: row['response'] };
    const isLeased = row['boot_id'] === boot.bootId && Number(row['lease_until_uptime_ms']) > uptime;
    if (isLeased) return { kind: 'in-progress' };
    this.#statements.take.run(owner, boot.bootId, uptime, leaseUntil, key);
    return { kind: 'recovered', record: toRecord(row, record.fields) };
  }

  /** The columns hold integers, and refuse anything else. */
  #uptimeMs(): number {
    return Math.floor(this.#options.boot.uptimeMs());
  }

  #expire(): void {
    const { now, boot, limits } = this.#options;
    const { bootId } = boot;
    const remembered = limits.rememberedMs;
    this.#statements.expire.run({ now: now(), boot: bootId, remembered, uptime: this.#uptimeMs() });
  }

  #assertRoom(): void {
    const { maxRecords } = this.#options.limits;
    if (Number(this.#statements.count.get()?.['count']) < maxRecords) return;
    throw new Error(`The record of creations is full: it holds ${maxRecords} keys.`);
  }

  #inTransaction<T>(work: () => T): T {
    // IMMEDIATE: two processes must not both read that a key is new.
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk has rolled it back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #prepareSchema(): void {
    const version = Number(this.#database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version === SCHEMA_VERSION) return;
    if (version !== 0) {
      throw new Error(`it was written by another version (${version}; this one writes ${SCHEMA_VERSION})`);
    }
    this.#database.exec(SCHEMA);
  }
}

const STATEMENTS = {
  expire: EXPIRE,
  count: 'SELECT count(*) AS count FROM records',
  read: 'SELECT * FROM records WHERE key = ?',
  insert: 'INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)',
  take: `UPDATE records SET owner = ?, boot_id = ?, begun_uptime_ms = ?, lease_until_uptime_ms = ? WHERE key = ?`,
  lease: 'UPDATE records SET lease_until_uptime_ms = ? WHERE key = ? AND owner = ?',
  postUntil: 'UPDATE records SET post_until = ? WHERE key = ? AND owner = ? AND response IS NULL',
  complete: 'UPDATE records SET response = ? WHERE key = ? AND response IS NULL',
  remove: 'DELETE FROM records WHERE key = ? AND owner = ? AND response IS NULL',
} as const;

function prepareAll(database: DatabaseSync): Readonly<Record<keyof typeof STATEMENTS, StatementSync>> {
  const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<keyof typeof STATEMENTS, StatementSync>;
}

function toRecord(row: Record<string, SQLOutputValue>, fields: SentRecord['fields']): SentRecord {
  const tag = row['tag'] === null ? undefined : String(row['tag']);
  return { fields, tag, postUntil: String(row['post_until']) };
}

import { close, fdatasync, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import { codeOf } from './account-key.ts';
import type { AuditEntry } from './audit-entry.ts';

/** The audit log: one JSON object a line. */
export interface AuditLog {
  /**
   * Writes a line. Await it before the reply goes out, so that the line survives the end of this process. Never rejects: up
   * to `maxKeptLines` lines that could not be written are kept and tried again.
   */
  record(entry: AuditEntry): Promise<void>;
  /**
   * Writes the line that a change has begun. Await it before anything is changed.
   * @throws CallError UNAVAILABLE when the line cannot be written and the log is configured to refuse changes in that case; the
   *   line is dropped then
   */
  begin(entry: AuditEntry): Promise<void>;
  /** Opens the file anew, after it was renamed for rotation. Until that is done, lines still go to the old one. */
  reopen(): Promise<void>;
  /** Writes the remaining lines as far as possible, and closes the file. */
  close(): Promise<void>;
}

/** The options of an audit log. */
export interface AuditLogOptions {
  /** A path, or a file descriptor such as 1, standard output. */
  readonly file: string | number;
  /** What happens to changes while the log cannot be written. */
  readonly onFailure: 'refuse' | 'continue';
  /** Whether each batch is forced to the disk, so that it survives the end of the machine, too. Default: no. */
  readonly isSynced?: boolean;
  /** How many lines are kept while they cannot be written. Default 10 000. */
  readonly maxKeptLines?: number;
  /** Milliseconds. Default: the system clock. */
  readonly now?: () => number;
  /** Called when writing fails, and when it works again. */
  readonly onState: (state: {
    readonly isWritable: boolean;
    readonly problem: string;
    readonly lost: number;
  }) => void;
}

const openFile = promisify(open);
const closeFile = promisify(close);
const writeFile = promisify(write);
const syncFile = promisify(fdatasync);

const NEWLINE = 0x0a;

/** How long to wait after a failure before the next attempt to write. */
const RETRY_MS = 1_000;

/** How long to wait before the next attempt to write to a full pipe. */
const PIPE_PAUSE_MS = 5;

/**
 * Opens the log for appending (O_APPEND, so that several processes may share it). Lines that come while one is being written
 * are written together. A line is handed to the operating system before its call is replied to: it survives kill -9, and with
 * `isSynced` a power failure. Rejects when the file cannot be opened.
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  return new FileAuditLog(options, await openForAppending(options.file));
}

interface Line {
  readonly bytes: Buffer;
  /** Whether it is of no use later, so that it is dropped when it cannot be written. */
  readonly isNowOrNever: boolean;
  readonly settle: (isWritten: boolean) => void;
}

class FileAuditLog implements AuditLog {
  readonly #options: AuditLogOptions;
  #fd: number | undefined;
  #lines: Line[] = [];
  #writing: Promise<void> | undefined;
  #opening: Promise<boolean> | undefined;
  #isFailing = false;
  #retryAt = 0;
  #lost = 0;
  /** Whether the last write ended within a line. */
  #isTorn = false;

  readonly #now: () => number;

  constructor(options: AuditLogOptions, fd: number) {
    this.#options = options;
    this.#now = options.now ?? systemClock.now;
    this.#fd = fd;
  }

  async record(entry: AuditEntry): Promise<void> {
    const written = this.#add(entry, false);
    if (this.#isFailing && this.#now() < this.#retryAt) this.#keep([]);
    else void this.#flush();
    await written;
  }

  async begin(entry: AuditEntry): Promise<void> {
    if (this.#options.onFailure === 'continue') return await this.record(entry);
    if (this.#isFailing && (this.#now() < this.#retryAt || !(await this.#open()))) throw unavailable();
    const written = this.#add(entry, true);
    void this.#flush();
    if (!(await written)) throw unavailable();
  }

  /** Queues a line. Resolves with whether it is in the file. */
  #add(entry: AuditEntry, isNowOrNever: boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const bytes = Buffer.from(`${JSON.stringify(entry)}\n`);
    this.#lines.push({ bytes, isNowOrNever, settle: resolve });
    return promise;
  }

  async reopen(): Promise<void> {
    await this.#open();
  }

  async close(): Promise<void> {
    await this.#opening;
    await this.#flush();
    this.#keep([]);
    await this.#release(this.#fd);
    this.#fd = undefined;
  }

  #open(): Promise<boolean> {
    this.#opening ??= this.#openAnew().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openAnew(): Promise<boolean> {
    const old = this.#fd;
    try {
      this.#fd = await openForAppending(this.#options.file);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    // A batch under way goes to the old file, which must stay open until then.
    void (this.#writing ?? Promise.resolve()).then(() => this.#release(old));
    return true;
  }

  /** Closes what this log has opened; a descriptor that it was given belongs to others. */
  async #release(fd: number | undefined): Promise<void> {
    if (fd === undefined || typeof this.#options.file === 'number') return;
    try {
      await closeFile(fd);
    } catch (error) {
      // Some file systems tell only now that what was written is lost.
      this.#fail(error);
    }
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Lines of the same moment are written together, and the caller must hold its promise before it is settled.
    await Promise.resolve();
    while (this.#lines.length > 0) {
      const batch = this.#lines;
      this.#lines = [];
      try {
        await this.#write(Buffer.concat(batch.map(({ bytes }) => bytes)));
      } catch (error) {
        this.#fail(error);
        this.#keep(batch);
        break;
      }
      for (const { settle } of batch) settle(true);
      this.#recover();
    }
    this.#writing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) throw new Error('The audit log is not open.');
    let rest = this.#isTorn ? Buffer.concat([Buffer.of(NEWLINE), bytes]) : bytes;
    while (rest.length > 0) {
      const { bytesWritten } = await writeFile(fd, rest).catch(retryWhenFull);
      if (bytesWritten > 0) this.#isTorn = rest[bytesWritten - 1] !== NEWLINE;
      rest = rest.subarray(bytesWritten);
    }
    if (this.#options.isSynced) await syncFile(fd);
  }

  /** Keeps lines for a later attempt. The calls that they record are over in any case. */
  #keep(batch: readonly Line[]): void {
    const { maxKeptLines = 10_000 } = this.#options;
    const all = [...batch, ...this.#lines];
    for (const { settle } of all) settle(false);
    const lasting = all.filter(({ isNowOrNever }) => !isNowOrNever);
    this.#lost += Math.max(0, lasting.length - maxKeptLines);
    this.#lines = lasting.slice(-maxKeptLines);
  }

  #fail(error: unknown): void {
    this.#retryAt = this.#now() + RETRY_MS;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onState({ isWritable: false, problem: codeOf(error), lost: this.#lost });
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.onState({ isWritable: true, problem: '', lost: this.#lost });
    this.#lost = 0;
  }
}

function unavailable(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'AUDIT_UNAVAILABLE',
    'The audit log cannot be written, so nothing is changed for now. Reading still works.',
    { retryDelayMs: spreadRetry(5_000, Math.random), reached: 'no' },
  );
}

/** A pipe that is full takes more once its reader has read. */
async function retryWhenFull(error: unknown): Promise<{ bytesWritten: number }> {
  if (codeOf(error) !== 'EAGAIN') throw error;
  await new Promise((resolve) => setTimeout(resolve, PIPE_PAUSE_MS));
  return { bytesWritten: 0 };
}

async function openForAppending(file: string | number): Promise<number> {
  return typeof file === 'number' ? file : await openFile(file, 'a', 0o600);
}

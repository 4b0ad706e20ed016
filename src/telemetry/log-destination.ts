import { constants, fstatSync, openSync, writeSync, writevSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Where the lines of the log go. */
export interface LogDestination {
  /** Writes a line at once. It never waits and never throws: what does not fit is dropped and counted. */
  write(line: string): void;
  /**
   * Takes a line that there are many of: it is written with others, by the end of this turn of the event loop, or at the end of
   * the process. Only who kills the process in between loses it.
   */
  gather(line: string): void;
  /** How many lines have been dropped since the start. */
  dropped(): number;
  /** Resolves once every line that was taken is written, or when the time is up. */
  flush(timeoutMs: number): Promise<void>;
}

/** What may wait for a reader that does not read. */
export interface LogLimits {
  readonly maxBytes: number;
  readonly maxLines: number;
}

export const DEFAULT_LOG_LIMITS: LogLimits = { maxBytes: 1024 * 1024, maxLines: 10_000 };

/** How often what waits is tried again. */
const RETRY_MS = 20;

/** The most lines of one system call; Linux takes 1024. */
const MAX_BATCH = 256;

/** So many gathered lines are written without waiting for the end of the turn. */
const MAX_GATHERED = 100;

/** Ways to write without waiting. Each returns how many bytes it could write, and may throw when it can write none. */
interface Writer {
  line(text: string): number;
  chunks(chunks: readonly Uint8Array[]): number;
}

/**
 * Opens a file descriptor as the destination of a log. What is written is out when the process crashes, and nothing waits for
 * the reader: lines that it does not take are kept up to the limits, and later ones are dropped.
 * @param onRecovered is told how many lines were dropped, once lines can be written again
 */
export function openLogDestination(
  fd: number,
  onRecovered: (dropped: number) => void,
  limits: LogLimits = DEFAULT_LOG_LIMITS,
): LogDestination {
  const lines = new WaitingLines(openWriter(fd), onRecovered, limits);
  // What a slow reader has made room for in the meantime.
  process.once('exit', () => {
    lines.writeGathered();
    lines.writeWaiting();
  });
  return lines;
}

class WaitingLines implements LogDestination {
  readonly #writer: Writer;
  readonly #onRecovered: (dropped: number) => void;
  readonly #limits: LogLimits;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #reported = 0;
  #retry: NodeJS.Timeout | undefined;
  #gathered: string[] = [];

  constructor(writer: Writer, onRecovered: (dropped: number) => void, limits: LogLimits) {
    this.#writer = writer;
    this.#onRecovered = onRecovered;
    this.#limits = limits;
  }

  write(line: string): void {
    this.writeGathered();
    this.#writeLines([line]);
  }

  gather(line: string): void {
    const count = this.#gathered.push(line);
    if (count === 1) setImmediate(() => this.writeGathered());
    else if (count === MAX_GATHERED) this.writeGathered();
  }

  /** Writes the lines that were gathered. */
  writeGathered(): void {
    if (this.#gathered.length === 0) return;
    const lines = this.#gathered;
    this.#gathered = [];
    this.#writeLines(lines);
  }

  #writeLines(lines: readonly string[]): void {
    const text = lines.length === 1 ? (lines[0] ?? '') : lines.join('');
    let written = this.#waiting.length > 0 ? 0 : attempt(() => this.#writer.line(text));
    if (written >= Buffer.byteLength(text)) return;
    for (const line of lines) {
      const bytes = Buffer.from(line);
      if (written < bytes.length) this.#keep(bytes.subarray(Math.max(0, written)));
      written -= bytes.length;
    }
  }

  /** Keeps a line, or the rest of one, until the reader takes it. */
  #keep(bytes: Uint8Array): void {
    const { maxBytes, maxLines } = this.#limits;
    if (this.#waitingBytes + bytes.length > maxBytes || this.#waiting.length >= maxLines) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#tryLater();
  }

  dropped(): number {
    return this.#dropped;
  }

  async flush(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.writeGathered();
    while (this.#waiting.length > 0 && performance.now() < deadline) await delay(RETRY_MS);
  }

  /** Writes what can be written now. */
  writeWaiting(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH);
      const size = batch.reduce((sum, { length }) => sum + length, 0);
      const written = attempt(() => this.#writer.chunks(batch));
      this.#take(written);
      if (written < size) {
        this.#tryLater();
        return;
      }
    }
    clearInterval(this.#retry);
    this.#retry = undefined;
    this.#report();
  }

  #tryLater(): void {
    this.#retry ??= setInterval(() => this.writeWaiting(), RETRY_MS).unref();
  }

  /** Forgets what is written; of a line that is written in part, the rest waits. */
  #take(written: number): void {
    this.#waitingBytes -= written;
    let count = 0;
    let left = written;
    for (const { length } of this.#waiting) {
      if (left < length) break;
      left -= length;
      count += 1;
    }
    this.#waiting = this.#waiting.slice(count);
    const [first] = this.#waiting;
    if (first !== undefined && left > 0) this.#waiting[0] = first.subarray(left);
  }

  #report(): void {
    const count = this.#dropped - this.#reported;
    if (count === 0) return;
    this.#reported = this.#dropped;
    this.#onRecovered(count);
  }
}

/** A full pipe, a reader that is gone and a disk that is full are all tried again: each may end. */
function attempt(write: () => number): number {
  try {
    return write();
  } catch {
    return 0;
  }
}

/**
 * A way to write that never waits. A pipe or terminal is opened once more, as only the descriptor that results can be made
 * non-blocking without changing the one that other processes share. A regular file never makes anybody wait for a reader;
 * it is written by the descriptor that was given, which shares its position with standard output.
 */
function openWriter(fd: number): Writer {
  if (fstatSync(fd).isFile()) return descriptorWriter(fd);
  const own = reopen(fd);
  return own === undefined ? streamWriter() : descriptorWriter(own);
}

function descriptorWriter(fd: number): Writer {
  return { line: (text) => writeSync(fd, text), chunks: (chunks) => writevSync(fd, chunks) };
}

function reopen(fd: number): number | undefined {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    // It is never closed: the last lines are written as the process ends.
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, a file of another user, or a system without /proc.
    return undefined;
  }
}

/** Standard error as Node's stream, which does not wait either. What it holds itself is kept below one line. */
function streamWriter(): Writer {
  // Without a listener, a reader that is gone would end the process.
  process.stderr.on('error', () => undefined);
  const chunks = (all: readonly Uint8Array[]): number => {
    let written = 0;
    for (const chunk of all) {
      if (process.stderr.writableLength > 0) break;
      process.stderr.write(chunk);
      written += chunk.length;
    }
    return written;
  };
  return { line: (text) => chunks([Buffer.from(text)]), chunks };
}

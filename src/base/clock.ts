import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** Time, as the service needs it; passed in, so that a test can hold it. */
export interface Clock {
  /** Milliseconds since the epoch, which only ever grow. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects at once when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * The time of this process: the wall clock's when it started, and from then on a monotonic clock's. A step of the wall clock
 * changes no deadline, age or wait.
 */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/** A clock that counts from the start of the machine, so that processes before and after a restart can compare times. */
export interface BootClock {
  /** Names this run of the machine; times of different runs cannot be compared. */
  readonly bootId: string;
  /** Milliseconds since the machine was started. */
  uptimeMs(): number;
}

/** The machine's. Where it does not tell its runs apart, every process is one of its own, and nothing is assumed. */
export function createBootClock(): BootClock {
  return { bootId: readBootId(), uptimeMs: () => uptime() * 1_000 };
}

function readBootId(): string {
  try {
    // Linux; read once at the start, some dozen bytes from memory.
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `process-${process.pid}-${performance.timeOrigin}`;
  }
}

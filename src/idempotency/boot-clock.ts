import { readFileSync } from 'node:fs';

/** A clock that counts since the machine was started, so that processes before and after a restart can compare times. */
export interface BootClock {
  /** Names this run of the machine; times of different runs cannot be compared. */
  readonly bootId: string;
  /** Milliseconds since the machine was started, not counting the time that it was suspended. */
  uptimeMs(): number;
}

/**
 * The machine's. It is the clock that deadlines go by, too, so on a machine that was suspended no process still intends to
 * send what another one considers long over. (The uptime of the operating system counts suspension, and in some containers it
 * is the container's own.) Where runs of the machine cannot be told apart, every process counts as a run of its own.
 */
export function createBootClock(): BootClock {
  return { bootId: readBootId(), uptimeMs: () => Number(process.hrtime.bigint()) / 1e6 };
}

function readBootId(): string {
  try {
    // Linux only; read once at the start, some dozen bytes from memory.
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `process-${process.pid}-${performance.timeOrigin}`;
  }
}

import { createLogger, type Logger } from '../../src/telemetry/log.ts';

/** A line of the log, read back. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A log that a test can read. */
export interface CollectedLog {
  readonly log: Logger;
  /** Everything that was written. */
  readonly text: string;
  /** The lines, with these members. */
  lines(members?: LogLine): LogLine[];
}

/** Makes a log that keeps everything from debug on. */
export function collectLog(): CollectedLog {
  const chunks: string[] = [];
  const log = createLogger({ level: 'debug', format: 'json' }, { write: (chunk) => void chunks.push(chunk) });
  return {
    log,
    get text() {
      return chunks.join('');
    },
    lines: (members = {}) =>
      chunks
        .map((chunk) => JSON.parse(chunk) as LogLine)
        .filter((line) => Object.entries(members).every(([name, value]) => line[name] === value)),
  };
}

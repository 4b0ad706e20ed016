import { type DestinationStream, type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

/** How the log is written. */
export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `json`: one object a line; `text`: for people. */
  readonly format: 'json' | 'text';
  /** Where it goes. Default: standard error. */
  readonly destination?: DestinationStream;
}

export type { Logger };

/** Makes the log of the service. */
export function createLogger(options: LogOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.format === 'text' ? prettyStream(destination) : destination,
  );
}

function prettyStream(destination: DestinationStream): DestinationStream {
  const prettify = prettyFactory({ singleLine: true, translateTime: 'SYS:HH:MM:ss.l', colorize: false });
  return { write: (line) => destination.write(prettify(line)) };
}

import { createRequire } from 'node:module';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { base64Forms } from '../base/secret.ts';
import { describeError } from './describe.ts';
import { type LogDestination, openLogDestination } from './log-destination.ts';
import { currentSpan } from './trace.ts';

/** How the log is written. */
export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `json`: one object a line; `text`: for people. */
  readonly format: 'json' | 'text';
  /** The service's own keys and passwords, which no line may hold, whatever led to it. */
  readonly secrets?: readonly string[];
}

/** A log. */
export interface Logger extends PinoLogger {
  /** Writes lines whose members are JSON already, for what is logged with every call. */
  readonly members: MembersLog;
}

/**
 * Writes a line, whatever the log's level is.
 * @param members without the braces
 */
type WriteMembers = (members: string, message: string) => void;

/** A log of lines whose members are JSON already. */
export type MembersLog = Readonly<Record<'debug' | 'info' | 'warn', WriteMembers>>;

/** The log of the process, on standard error. */
export interface ProcessLog extends Pick<LogDestination, 'dropped' | 'flush'> {
  readonly log: Logger;
}

/** Shorter secrets are not looked for; they would be found by accident. */
const MIN_SECRET_LENGTH = 8;

/** Where a log is written. */
export interface LogStream extends DestinationStream {
  /** Takes a line that there are many of, which may be written with others. Default: it is written like any other. */
  gather?(line: string): void;
}

/** Makes the log of the process. It never waits for whoever reads it. */
export function createProcessLog(options: LogOptions): ProcessLog {
  const destination = openLogDestination(2, (dropped) =>
    log.warn({ dropped }, 'lines of the log were dropped because nobody read them in time'),
  );
  const log = createLogger(options, destination);
  return { log, dropped: () => destination.dropped(), flush: (timeoutMs) => destination.flush(timeoutMs) };
}

/**
 * Makes a log that is written to a destination. An Error among the members of a line is reduced to its name and message.
 * @param destination default: standard error as it is
 */
export function createLogger(options: LogOptions, destination: LogStream = process.stderr): Logger {
  const redacting = withoutSecrets(destination, options.secrets ?? []);
  const stream = options.format === 'text' ? prettyStream(redacting) : redacting;
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${timestamp()}"`,
      serializers: { err: (value: unknown) => value },
      mixin: traceMembers,
      formatters: { level: (label) => ({ level: label }), log: describeErrors },
    },
    stream,
  );
  const gather = (line: string): void => {
    if (stream.gather === undefined) stream.write(line);
    else stream.gather(line);
  };
  const at =
    (level: string): WriteMembers =>
    (members, message) => {
      const end = `"msg":${JSON.stringify(message)}}\n`;
      gather(`{"level":"${level}","time":"${timestamp()}",${members},${end}`);
    };
  return Object.assign(log, { members: { debug: at('debug'), info: at('info'), warn: at('warn') } });
}

/** What is logged on the way of a call that is traced says so. */
function traceMembers(): Record<string, string> {
  const span = currentSpan();
  return span?.isFound !== true ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

let secondMs = Number.NaN;
let secondText = '';

/** The time of day. To write it takes longer than most of a line, so all but the milliseconds is written once a second. */
function timestamp(): string {
  const nowMs = Date.now();
  const ms = nowMs % 1_000;
  if (nowMs - ms !== secondMs) {
    secondMs = nowMs - ms;
    secondText = new Date(secondMs).toISOString().slice(0, -'000Z'.length);
  }
  return `${secondText}${String(ms).padStart(3, '0')}Z`;
}

/** The members of a line, with every error among them reduced to its description, however deep it stands. */
function describeErrors(line: Record<string, unknown>): Record<string, unknown> {
  const members = Object.entries(line);
  // Most lines hold texts and numbers only.
  if (!members.some(([, value]) => typeof value === 'object')) return line;
  return Object.fromEntries(members.map(([name, value]) => [name, withoutErrors(value, 0)]));
}

/** Members nested deeper than this are left out; no line of this service has any. */
const MAX_DEPTH = 5;

function withoutErrors(value: unknown, depth: number): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return value.map((each) => withoutErrors(each, depth + 1));
  const members = Object.entries(value);
  return Object.fromEntries(members.map(([name, each]) => [name, withoutErrors(each, depth + 1)]));
}

function withoutSecrets(destination: LogStream, secrets: readonly string[]): LogStream {
  const forms = secrets
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .flatMap((secret) => [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      ...base64Forms(secret),
    ]);
  if (forms.length === 0) return destination;
  const clean = (line: string): string =>
    forms.reduce((text, form) => text.replaceAll(form, '[redacted]'), line);
  const gather = destination.gather?.bind(destination);
  return {
    write: (line) => destination.write(clean(line)),
    ...(gather !== undefined && { gather: (line) => gather(clean(line)) }),
  };
}

const require = createRequire(import.meta.url);

function prettyStream(destination: LogStream): LogStream {
  // Loaded only where somebody reads the log on a terminal.
  const { prettyFactory } = require('pino-pretty') as typeof import('pino-pretty');
  const prettify = prettyFactory({ singleLine: true, translateTime: 'SYS:HH:MM:ss.l', colorize: false });
  return { write: (line) => destination.write(prettify(line)) };
}

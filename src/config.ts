import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** The settings of `vultr-grpc serve`. */
export interface ServeConfig {
  /** Where Vultr's API is, without its `/v2`, or the embedded one. */
  readonly upstream: URL | 'sandbox';
  readonly apiKey: string | undefined;
  readonly grpcListen: ListenAddress;
  /** Undefined: no HTTP side. */
  readonly httpListen: ListenAddress | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly callTimeoutMs: number;
  readonly watchIntervalMs: number;
  readonly watchTimeoutMs: number;
  readonly shutdownGraceMs: number;
  /** Requests a second that Vultr allows the address of this service; undefined: no budget. */
  readonly rate: number | undefined;
  /** The part of the rate that is kept back, 0 to 1. */
  readonly reserve: number;
  readonly burst: number;
  /** How many replicas share the address. */
  readonly replicas: number;
  readonly redisUrl: string | undefined;
  /** Where the record of creations is kept when there is no Redis; undefined: in memory. */
  readonly stateDir: string | undefined;
  /** Whether what is created under an id is marked, to find it by. */
  readonly isMarking: boolean;
  /** How long after a creation with an unknown outcome what Vultr's lists do not hold was not made. */
  readonly createSettleMs: number;
  /** Undefined: no cache. */
  readonly cacheFreshMs: number | undefined;
  readonly cacheKeepMs: number;
  /** How many times faster than real time the embedded Vultr lives. */
  readonly sandboxSpeed: number;
}

/** Where a server listens. */
export interface ListenAddress {
  /** A name, or an address without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const LOG_FORMATS = ['auto', 'json', 'text'] as const;

/** The folder of the XDG Base Directory Specification; the shell's notation, so that it reads the same for everybody. */
const DEFAULT_STATE_DIR = '$XDG_STATE_HOME/vultr-grpc';

/** One setting: where it comes from, what it is when it is not given, and what it means. */
interface Setting<T> {
  readonly env: string;
  /** The command-line flag; undefined for secrets, which have no place in a process list. */
  readonly flag?: string;
  readonly default: string | undefined;
  readonly help: string;
  /** Reads it. Throws an Error whose message says what is expected. */
  readonly parse: (text: string) => T;
}

/** Every setting of `serve`, by its name in ServeConfig. README.md is held to this table. */
export const SETTINGS = {
  upstream: {
    env: 'VULTR_API_URL',
    flag: 'upstream',
    default: 'https://api.vultr.com',
    help: 'where the Vultr API is; "sandbox" starts an embedded one',
    parse: parseUpstream,
  },
  apiKey: {
    env: 'VULTR_API_KEY',
    default: undefined,
    help: "the service's own credential, for calls that bring none",
    parse: parseKey,
  },
  grpcListen: {
    env: 'GRPC_LISTEN',
    flag: 'grpc',
    default: '127.0.0.1:50051',
    help: 'address of the gRPC side; port 0 is any free one',
    parse: parseListen,
  },
  httpListen: {
    env: 'HTTP_LISTEN',
    flag: 'http',
    default: '127.0.0.1:8005',
    help: 'address of the HTTP side; "off" leaves it out',
    parse: (text: string) => (text === 'off' ? undefined : parseListen(text)),
  },
  logLevel: {
    env: 'LOG_LEVEL',
    flag: 'log-level',
    default: 'info',
    help: LOG_LEVELS.join(', '),
    parse: oneOf(LOG_LEVELS),
  },
  logFormat: {
    env: 'LOG_FORMAT',
    flag: 'log-format',
    default: 'auto',
    help: 'json, text, or auto: text on a terminal',
    parse: oneOf(LOG_FORMATS),
  },
  callTimeoutMs: {
    env: 'CALL_TIMEOUT',
    flag: 'call-timeout',
    default: '30s',
    help: 'deadline of a call whose caller names none, and the latest one may name is ten times that',
    parse: parseDuration(100, 600_000),
  },
  watchIntervalMs: {
    env: 'WATCH_INTERVAL',
    flag: 'watch-interval',
    default: '2s',
    help: 'time between two looks at a watched instance',
    parse: parseDuration(10, 600_000),
  },
  watchTimeoutMs: {
    env: 'WATCH_TIMEOUT',
    flag: 'watch-timeout',
    default: '1h',
    help: 'the longest that a watch may last',
    parse: parseDuration(1_000, 86_400_000),
  },
  shutdownGraceMs: {
    env: 'SHUTDOWN_GRACE',
    flag: 'shutdown-grace',
    default: '10s',
    help: 'time that calls have to end when the service is stopped',
    parse: parseDuration(0, 600_000),
  },
  rate: {
    env: 'VULTR_RATE',
    flag: 'rate',
    default: '30',
    help: 'requests a second that Vultr allows the address of this service; "off" for no budget',
    parse: (text: string) => (text === 'off' ? undefined : parseNumber(1, 1_000_000)(text)),
  },
  reserve: {
    env: 'VULTR_RESERVE',
    flag: 'reserve',
    default: '10%',
    help: 'part of the rate that is kept back',
    parse: parsePercent,
  },
  burst: {
    env: 'VULTR_BURST',
    flag: 'burst',
    default: '6',
    help: 'requests that may go in quick succession after a pause',
    parse: parseInteger(1, 1_000_000),
  },
  replicas: {
    env: 'REPLICAS',
    flag: 'replicas',
    default: '1',
    help: 'replicas that share the address: what each may use while Redis is gone is its part of the rate',
    parse: parseInteger(1, 1_000),
  },
  redisUrl: {
    env: 'REDIS_URL',
    default: undefined,
    help: 'Redis through which replicas share the budget and the record of creations',
    parse: parseRedisUrl,
  },
  stateDir: {
    env: 'STATE_DIR',
    flag: 'state-dir',
    default: DEFAULT_STATE_DIR,
    help: 'folder of the record of creations, when there is no Redis; "memory" forgets it at the end',
    parse: parseStateDir,
  },
  isMarking: {
    env: 'CREATE_TAG',
    flag: 'create-tag',
    default: 'on',
    help: 'whether what is created under an id gets a tag (or label, description) to find it by: on, off',
    parse: (text: string) => oneOf(['on', 'off'])(text) === 'on',
  },
  createSettleMs: {
    env: 'CREATE_SETTLE',
    flag: 'create-settle',
    default: '2m',
    help: "time after which Vultr's lists are taken to hold what a creation with an unknown outcome has made",
    parse: parseDuration(1_000, 3_600_000),
  },
  cacheFreshMs: {
    env: 'CACHE_FRESH',
    flag: 'cache-fresh',
    default: '5m',
    help: 'time that answers of the public catalogue are fresh; "off" for no cache',
    parse: (text: string) => (text === 'off' ? undefined : parseDuration(1_000, 86_400_000)(text)),
  },
  cacheKeepMs: {
    env: 'CACHE_KEEP',
    flag: 'cache-keep',
    default: '24h',
    help: 'time that they are kept for when Vultr does not answer',
    parse: parseDuration(1_000, 30 * 86_400_000),
  },
  sandboxSpeed: {
    env: 'SANDBOX_SPEED',
    flag: 'sandbox-speed',
    default: '1',
    help: 'how many times faster than real time the embedded sandbox lives',
    parse: parseSpeed,
  },
} satisfies { readonly [K in keyof ServeConfig]: Setting<ServeConfig[K]> };

/** Settings that are wrong, all of them, each in a line that names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings of `serve`. A flag beats the environment variable, which beats the default.
 * @throws ConfigError that lists every wrong setting
 */
export function readServeConfig(args: readonly string[], env: NodeJS.ProcessEnv): ServeConfig {
  const faults: string[] = [];
  const flags = readFlags(args, faults);
  const values = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const { text, source } = find(setting, flags, env);
    if (text === undefined) return [name, undefined];
    try {
      return [name, setting.parse(text)];
    } catch (error) {
      // The value of a secret is not repeated.
      const value = setting.flag === undefined ? '' : ` is ${JSON.stringify(withoutUser(text))}, and`;
      faults.push(`${source}${value} has to be ${error instanceof Error ? error.message : String(error)}`);
      return [name, undefined];
    }
  });
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return Object.fromEntries(values) as ServeConfig;
}

function find(
  setting: Setting<unknown>,
  flags: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): { text: string | undefined; source: string } {
  const flag = setting.flag === undefined ? undefined : flags[setting.flag];
  if (typeof flag === 'string') return { text: flag, source: `--${setting.flag}` };
  const variable = env[setting.env];
  if (variable !== undefined && variable !== '') return { text: variable, source: setting.env };
  return { text: setting.default, source: setting.env };
}

function readFlags(args: readonly string[], faults: string[]): Readonly<Record<string, unknown>> {
  const flags = Object.values<Setting<unknown>>(SETTINGS).flatMap(({ flag }) => flag ?? []);
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' as const }]));
  const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${JSON.stringify(token.value)} is no flag`);
    if (token.kind !== 'option') continue;
    if (options[token.name] === undefined) faults.push(`${token.rawName} is no flag of vultr-grpc serve`);
    else if (token.value === undefined) faults.push(`${token.rawName} needs a value`);
  }
  return values;
}

/** A URL without the user and password that somebody may have put into it. */
function withoutUser(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@');
}

function parseUpstream(text: string): URL | 'sandbox' {
  if (text === 'sandbox') return 'sandbox';
  const expected = 'an http or https URL without user, query, fragment and the /v2 at the end, or "sandbox"';
  if (!URL.canParse(text)) throw new Error(expected);
  const url = new URL(text);
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isPlain = isBare && !/\/v2\/*$/.test(url.pathname);
  if (!['http:', 'https:'].includes(url.protocol) || !isPlain) throw new Error(expected);
  return url;
}

function parseKey(text: string): string {
  if (!/^[\x21-\x7e]{1,512}$/.test(text)) throw new Error('printable ASCII without spaces');
  return text;
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws Error whose message says what is expected
 */
export function parseListen(text: string): ListenAddress {
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const host = name.replace(/^\[(.*)\]$/, '$1');
  const isHost = name.startsWith('[') ? isIP(host) === 6 : /^[A-Za-z0-9.-]+$/.test(host);
  if (!isHost || Number(port) > 65_535) throw new Error('host:port, such as 127.0.0.1:50051 or [::1]:0');
  return { host, port: Number(port) };
}

/** Writes an address the way parseListen reads it. */
export function formatListen({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function oneOf<const T extends readonly string[]>(choices: T): (text: string) => T[number] {
  return (text) => {
    if (!choices.includes(text)) throw new Error(`one of ${choices.join(', ')}`);
    return text as T[number];
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parseDuration(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
    const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
    if (!(ms >= minMs && ms <= maxMs)) {
      throw new Error(`a time with its unit (ms, s, m, h) from ${minMs}ms to ${maxMs / 1_000}s, such as 30s`);
    }
    return Math.round(ms);
  };
}

/**
 * Reads how many times faster than real time a sandbox lives.
 * @throws Error whose message says what is expected
 */
export function parseSpeed(text: string): number {
  const speed = Number(text);
  if (!(speed > 0 && speed <= 10_000)) throw new Error('a number above 0, up to 10000');
  return speed;
}

function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`a number from ${min} to ${max}`);
    return value;
  };
}

function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`a whole number from ${min} to ${max}`);
    return value;
  };
}

function parsePercent(text: string): number {
  const percent = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(percent >= 0 && percent < 100)) throw new Error('a percentage from 0% to below 100%, such as 10%');
  return percent / 100;
}

function parseStateDir(text: string): string | undefined {
  if (text === 'memory') return undefined;
  if (text !== DEFAULT_STATE_DIR) return resolve(text);
  // An empty or relative value counts as unset (the specification says so).
  const given = process.env['XDG_STATE_HOME'] ?? '';
  return join(isAbsolute(given) ? given : join(homedir(), '.local', 'state'), 'vultr-grpc');
}

function parseRedisUrl(text: string): string {
  if (!URL.canParse(text) || !['redis:', 'rediss:'].includes(new URL(text).protocol)) {
    throw new Error('a redis:// or rediss:// URL');
  }
  return text;
}

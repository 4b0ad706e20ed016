import {
  DEFAULT_STATE_DIR,
  type ListenAddress,
  oneOf,
  parseDuration,
  parseInteger,
  parseKey,
  parseListen,
  parseNumber,
  parsePercent,
  parseRedisUrl,
  parseShare,
  parseSpeed,
  parseStateDir,
  parseUpstream,
} from './parsers.ts';

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
  /** The part of the request budget that watches may use together, above 0 up to 1. */
  readonly watchShare: number;
  /** How many watches a caller may have at a time. */
  readonly maxWatches: number;
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
  /** Whether what is created under a key gets a correlation tag, to find it by. */
  readonly isTagging: boolean;
  /** How long after a creation with an unknown outcome what Vultr's lists do not hold was not made. */
  readonly createSettleMs: number;
  /** Undefined: no cache. */
  readonly cacheFreshMs: number | undefined;
  readonly cacheKeepMs: number;
  /** How many times faster than real time the embedded Vultr lives. */
  readonly sandboxSpeed: number;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const LOG_FORMATS = ['auto', 'json', 'text'] as const;

/** One setting: where it comes from, what it is when it is not given, and what it means. */
export interface Setting<T> {
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
    help: 'time between two looks at a watched thing that has just changed; it grows to 30 times that while nothing happens',
    parse: parseDuration(10, 600_000),
  },
  watchTimeoutMs: {
    env: 'WATCH_TIMEOUT',
    flag: 'watch-timeout',
    default: '1h',
    help: 'the longest that a watch may last',
    parse: parseDuration(1_000, 86_400_000),
  },
  watchShare: {
    env: 'WATCH_SHARE',
    flag: 'watch-share',
    default: '25%',
    help: 'part of the request budget that all watches together may use',
    parse: parseShare,
  },
  maxWatches: {
    env: 'WATCH_MAX',
    flag: 'watch-max',
    default: '2000',
    help: 'watches that one credential may have at a time',
    parse: parseInteger(1, 10_000),
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
  isTagging: {
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
    parse: parseDuration(10_000, 3_600_000),
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

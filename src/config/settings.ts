import { ACCESS_SETTINGS, type AccessConfig } from './access-settings.ts';
import { LIFE_SETTINGS, type LifeConfig } from './life-settings.ts';
import {
  DEFAULT_STATE_DIR,
  type ListenAddress,
  oneOf,
  parseDuration,
  parseHosts,
  parseInteger,
  parseKey,
  parseListen,
  parseNumber,
  parseOrigins,
  parsePercent,
  parseShare,
  parseSpeed,
  parseStateDir,
  parseSwitch,
  parseUpstream,
} from './parsers.ts';
import { REDIS_SETTINGS, type RedisConfig } from './redis-settings.ts';
import type { SettingsOf } from './setting.ts';

/** The settings of `vultr-grpc sandbox`. */
export interface SandboxConfig {
  readonly listen: ListenAddress;
  /** How many times faster than real time it runs. */
  readonly timeScale: number;
}

/** The settings of `vultr-grpc serve`. */
export interface ServeConfig extends AccessConfig, LifeConfig, RedisConfig {
  /** Where Vultr's API is, without its `/v2`, or the embedded one. */
  readonly upstream: URL | 'sandbox';
  readonly apiKey: string | undefined;
  readonly grpcListen: ListenAddress;
  /** Undefined: no HTTP side. */
  readonly httpListen: ListenAddress | undefined;
  /** The names by which the HTTP side may be called besides its own, in lower case. */
  readonly allowedHosts: readonly string[];
  /** The origins whose pages may call the HTTP side; `*`: all. */
  readonly corsOrigins: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly callTimeoutMs: number;
  readonly watchIntervalMs: number;
  readonly watchTimeoutMs: number;
  /** The part of the request budget that watches may use together, above 0 up to 1. */
  readonly watchShare: number;
  /** How many watches a caller may have at a time. */
  readonly maxWatches: number;
  /** Whether requests to the upstream carry the trace that they belong to. */
  readonly isTraceSent: boolean;
  /** Requests a second that Vultr allows the address of this service; undefined: no budget. */
  readonly rate: number | undefined;
  /** The part of the rate that is kept back, 0 to 1. */
  readonly reserve: number;
  readonly burst: number;
  /** How many replicas share the address. */
  readonly replicas: number;
  /** Where the record of creates is kept when there is no Redis; undefined: in memory. */
  readonly stateDir: string | undefined;
  /** Whether a create with an idempotency key is given a correlation tag to find it by. */
  readonly isTagging: boolean;
  /** How long after a create with an unknown outcome its absence from Vultr's lists proves that it did not happen. */
  readonly createSettleMs: number;
  /** Undefined: no cache. */
  readonly cacheFreshMs: number | undefined;
  readonly cacheKeepMs: number;
  /** How many times faster than real time the embedded sandbox runs. */
  readonly sandboxSpeed: number;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const LOG_FORMATS = ['auto', 'json', 'text'] as const;

/** How fast a sandbox runs: the same in both commands, each of which has a flag of its own for it. */
const SPEED = { env: 'SANDBOX_SPEED', default: '1', parse: parseSpeed };

/** Every setting of `sandbox`. The usage text and docs/operations.md are made from this table. */
export const SANDBOX_SETTINGS: SettingsOf<SandboxConfig> = {
  listen: {
    env: 'SANDBOX_LISTEN',
    flag: 'listen',
    default: '127.0.0.1:8080',
    help: 'address to listen on; port 0 picks a free one',
    parse: parseListen,
  },
  timeScale: { ...SPEED, flag: 'speed', help: 'how many times faster than real time the sandbox runs' },
};

/** Every setting of `serve`. The usage text and docs/operations.md are made from this table. */
export const SERVE_SETTINGS: SettingsOf<ServeConfig> = {
  upstream: {
    env: 'VULTR_API_URL',
    flag: 'upstream',
    default: 'https://api.vultr.com',
    help: 'base URL of the Vultr API, or "sandbox" for the embedded imitation',
    parse: parseUpstream,
  },
  apiKey: {
    env: 'VULTR_API_KEY',
    default: undefined,
    help: 'Vultr API key for calls that bring none of their own',
    parse: parseKey,
  },
  grpcListen: {
    env: 'GRPC_LISTEN',
    flag: 'grpc',
    default: '127.0.0.1:50051',
    help: 'address of the gRPC side; port 0 picks a free one',
    parse: parseListen,
  },
  httpListen: {
    env: 'HTTP_LISTEN',
    flag: 'http',
    default: '127.0.0.1:8005',
    help: 'address of the HTTP side; "off" for none',
    parse: (text: string) => (text === 'off' ? undefined : parseListen(text)),
  },
  allowedHosts: {
    env: 'ALLOWED_HOSTS',
    flag: 'allowed-hosts',
    default: 'none',
    help: 'names by which callers may address the HTTP side besides its own, separated by commas',
    parse: parseHosts,
  },
  corsOrigins: {
    env: 'CORS_ORIGINS',
    flag: 'cors-origins',
    default: 'none',
    help: 'origins whose web pages may call the HTTP side, separated by commas; "*" for all',
    parse: parseOrigins,
  },
  ...ACCESS_SETTINGS,
  logLevel: {
    env: 'LOG_LEVEL',
    flag: 'log-level',
    default: 'info',
    help: `the least severe level to log: ${LOG_LEVELS.join(', ')}`,
    parse: oneOf(LOG_LEVELS),
  },
  logFormat: {
    env: 'LOG_FORMAT',
    flag: 'log-format',
    default: 'auto',
    help: 'json, text, or auto (text on a terminal, JSON otherwise)',
    parse: oneOf(LOG_FORMATS),
  },
  callTimeoutMs: {
    env: 'CALL_TIMEOUT',
    flag: 'call-timeout',
    default: '30s',
    help: 'deadline of a call whose caller sets none; callers may ask for up to ten times as much',
    parse: parseDuration(100, 600_000),
  },
  watchIntervalMs: {
    env: 'WATCH_INTERVAL',
    flag: 'watch-interval',
    default: '2s',
    help: 'pause between two polls of a watched thing that has just changed; it grows to 30 times that while nothing changes',
    parse: parseDuration(10, 600_000),
  },
  watchTimeoutMs: {
    env: 'WATCH_TIMEOUT',
    flag: 'watch-timeout',
    default: '1h',
    help: 'the longest that one watch may last',
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
    help: 'watches that one caller may have at a time',
    parse: parseInteger(1, 10_000),
  },
  ...LIFE_SETTINGS,
  isTraceSent: {
    env: 'TRACE_UPSTREAM',
    flag: 'trace-upstream',
    default: 'off',
    help: 'whether requests to the upstream carry traceparent and tracestate: on, off',
    parse: parseSwitch,
  },
  rate: {
    env: 'VULTR_RATE',
    flag: 'rate',
    default: '30',
    help: 'requests per second that Vultr allows this source address; "off" for no budget',
    parse: (text: string) => (text === 'off' ? undefined : parseNumber(1, 1_000_000)(text)),
  },
  reserve: {
    env: 'VULTR_RESERVE',
    flag: 'reserve',
    default: '10%',
    help: 'part of the rate to leave unused',
    parse: parsePercent,
  },
  burst: {
    env: 'VULTR_BURST',
    flag: 'burst',
    default: '6',
    help: 'requests that may go out at once after a pause',
    parse: parseInteger(1, 1_000_000),
  },
  replicas: {
    env: 'REPLICAS',
    flag: 'replicas',
    default: '1',
    help: 'number of replicas behind the same source address; while Redis is down, each uses its part of the rate',
    parse: parseInteger(1, 1_000),
  },
  ...REDIS_SETTINGS,
  stateDir: {
    env: 'STATE_DIR',
    flag: 'state-dir',
    default: DEFAULT_STATE_DIR,
    help: 'folder for the record of creates, unless there is a Redis; "memory" forgets it on exit',
    parse: parseStateDir,
  },
  isTagging: {
    env: 'CREATE_TAG',
    flag: 'create-tag',
    default: 'on',
    help: 'whether a create with an idempotency key is given a correlation tag to find it by: on, off',
    parse: parseSwitch,
  },
  createSettleMs: {
    env: 'CREATE_SETTLE',
    flag: 'create-settle',
    default: '2m',
    help: "how long Vultr's lists may take to show a create whose outcome is unknown",
    parse: parseDuration(10_000, 3_600_000),
  },
  cacheFreshMs: {
    env: 'CACHE_FRESH',
    flag: 'cache-fresh',
    default: '5m',
    help: 'how long responses of the public catalogue stay fresh; "off" for no cache',
    parse: (text: string) => (text === 'off' ? undefined : parseDuration(1_000, 86_400_000)(text)),
  },
  cacheKeepMs: {
    env: 'CACHE_KEEP',
    flag: 'cache-keep',
    default: '24h',
    help: 'how long they are kept in case Vultr does not respond',
    parse: parseDuration(1_000, 30 * 86_400_000),
  },
  sandboxSpeed: {
    ...SPEED,
    flag: 'sandbox-speed',
    help: 'how many times faster than real time the embedded sandbox runs',
  },
};

import { parseDuration, parseInteger } from './parsers.ts';
import type { Setting, SettingsOf } from './setting.ts';

/** What the service is told about its end, about the age of connections, and about having too much to do. */
export interface LifeConfig {
  /** How long calls are still taken after a stop has begun; undefined: as long as the addresses ask for. */
  readonly drainDelayMs: number | undefined;
  readonly shutdownGraceMs: number;
  /** Undefined: connections may grow as old as they like. */
  readonly maxConnectionAgeMs: number | undefined;
  readonly maxConnectionAgeGraceMs: number;
  readonly grpcIdleTimeoutMs: number;
  readonly httpIdleTimeoutMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly keepaliveMinTimeMs: number;
  /** Undefined: no call is refused because the service is busy. */
  readonly shedDelayMs: number | undefined;
  readonly shedCalls: number;
}

/** Those settings of `serve`. */
export const LIFE_SETTINGS: SettingsOf<LifeConfig> = {
  drainDelayMs: {
    env: 'DRAIN_DELAY',
    flag: 'drain-delay',
    default: 'auto',
    help: 'how long calls are still taken after a stop has begun, until every balancer knows; "auto": 5s where others can reach the service, else 0s',
    parse: orWord('auto', parseDuration(0, 600_000)),
  },
  shutdownGraceMs: {
    env: 'SHUTDOWN_GRACE',
    flag: 'shutdown-grace',
    default: '10s',
    help: 'how long calls in progress may run on after that',
    parse: parseDuration(0, 600_000),
  },
  maxConnectionAgeMs: {
    env: 'MAX_CONNECTION_AGE',
    flag: 'max-connection-age',
    default: '30m',
    help: 'age, up to a tenth more or less, at which a connection takes its last call, so that callers spread over new replicas; "off" for none',
    parse: orWord('off', parseDuration(1_000, 7 * 86_400_000)),
  },
  maxConnectionAgeGraceMs: {
    env: 'MAX_CONNECTION_AGE_GRACE',
    flag: 'max-connection-age-grace',
    default: '1h',
    help: 'how long calls in progress on such a connection may run on',
    parse: parseDuration(0, 7 * 86_400_000),
  },
  grpcIdleTimeoutMs: {
    env: 'GRPC_IDLE_TIMEOUT',
    flag: 'grpc-idle-timeout',
    default: '5m',
    help: 'how long a gRPC connection without a call is kept',
    parse: parseDuration(1_000, 86_400_000),
  },
  httpIdleTimeoutMs: {
    env: 'HTTP_IDLE_TIMEOUT',
    flag: 'http-idle-timeout',
    default: '65s',
    help: 'how long an HTTP connection without a request is kept; longer than the proxy in front keeps it',
    parse: parseDuration(1_000, 86_400_000),
  },
  keepaliveTimeMs: {
    env: 'KEEPALIVE_TIME',
    flag: 'keepalive-time',
    default: '60s',
    help: 'how often the service pings a gRPC connection',
    parse: parseDuration(1_000, 86_400_000),
  },
  keepaliveTimeoutMs: {
    env: 'KEEPALIVE_TIMEOUT',
    flag: 'keepalive-timeout',
    default: '20s',
    help: 'how long the other side may take to answer such a ping before the connection is closed',
    parse: parseDuration(100, 600_000),
  },
  keepaliveMinTimeMs: {
    env: 'KEEPALIVE_MIN_TIME',
    flag: 'keepalive-min-time',
    default: '10s',
    help: 'how often a caller may ping a gRPC connection; one that does so more often is told to go',
    parse: parseDuration(0, 86_400_000),
  },
  shedDelayMs: {
    env: 'SHED_DELAY',
    flag: 'shed-delay',
    default: '50ms',
    help: 'delay of the event loop above which calls are refused, watches first, then reads, changes last; "off" for never',
    parse: orWord('off', parseDuration(10, 10_000)),
  },
  shedCalls: {
    env: 'SHED_CALLS',
    flag: 'shed-calls',
    default: '8',
    help: 'calls in progress up to which none is refused for that',
    parse: parseInteger(1, 10_000),
  },
};

/** Reads a word that stands for no value, or a value. */
function orWord<T>(word: string, parse: Setting<T>['parse']): Setting<T | undefined>['parse'] {
  return (text) => {
    if (text === word) return undefined;
    try {
      return parse(text);
    } catch (thrown) {
      const rest = thrown instanceof Error ? thrown.message.replace(/^must be /, '') : String(thrown);
      throw new Error(`must be "${word}" or ${rest}`);
    }
  };
}

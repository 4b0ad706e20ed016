import { REDIS_PREFIX } from '../base/redis.ts';
import {
  type ListenAddress,
  parseAddresses,
  parseInteger,
  parsePath,
  parsePrefix,
  parseRedisUrl,
  parseSecret,
} from './parsers.ts';
import type { SettingsOf } from './setting.ts';

/** What the service is told about the Redis that replicas share. */
export interface RedisConfig {
  readonly redisUrl: string | undefined;
  /** The start of every key. */
  readonly redisPrefix: string;
  /** Those who know where the master is, whose name is the host of the URL; undefined: the URL says where Redis is. */
  readonly redisSentinels: readonly ListenAddress[] | undefined;
  readonly redisSentinelPassword: string | undefined;
  /** PEM files for a `rediss://` URL: a CA bundle, and a client certificate with its key. */
  readonly redisCa: string | undefined;
  readonly redisCert: string | undefined;
  readonly redisKey: string | undefined;
  /** How many replicas of Redis must have the record of a create before the create is sent. */
  readonly redisReplicas: number;
}

/** Those settings of `serve`. */
export const REDIS_SETTINGS: SettingsOf<RedisConfig> = {
  redisUrl: {
    env: 'REDIS_URL',
    default: undefined,
    help: 'Redis through which replicas share the request budget and the record of creates',
    parse: parseRedisUrl,
  },
  redisPrefix: {
    env: 'REDIS_PREFIX',
    flag: 'redis-prefix',
    default: REDIS_PREFIX,
    help: 'start of every key in Redis; the same for all replicas',
    parse: parsePrefix,
  },
  redisSentinels: {
    env: 'REDIS_SENTINELS',
    flag: 'redis-sentinels',
    default: undefined,
    help: 'Sentinels, as host:port with commas, that know where the master is; the host in REDIS_URL is its name',
    parse: parseAddresses,
  },
  redisSentinelPassword: {
    env: 'REDIS_SENTINEL_PASSWORD',
    default: undefined,
    help: 'password of the Sentinels, where they have one',
    parse: parseSecret,
  },
  redisCa: {
    env: 'REDIS_CA',
    flag: 'redis-ca',
    default: undefined,
    help: 'PEM file with the CAs by which a rediss:// Redis is verified, in place of the well-known ones',
    parse: parsePath,
  },
  redisCert: {
    env: 'REDIS_CERT',
    flag: 'redis-cert',
    default: undefined,
    help: 'PEM file with the certificate that is shown to Redis',
    parse: parsePath,
  },
  redisKey: {
    env: 'REDIS_KEY',
    flag: 'redis-key',
    default: undefined,
    help: 'PEM file with its private key',
    parse: parsePath,
  },
  redisReplicas: {
    env: 'REDIS_REPLICAS',
    flag: 'redis-replicas',
    default: '0',
    help: 'replicas of Redis that must have the record of a create before it is sent, so that a failover cannot lose it',
    parse: parseInteger(0, 100),
  },
};

/** Settings that belong together come together. */
export function findRedisFaults(config: RedisConfig): readonly string[] {
  const { redisUrl, redisCert, redisKey, redisReplicas } = config;
  const faults: string[] = [];
  const needsUrl = (['redisSentinels', 'redisSentinelPassword', 'redisCa', 'redisCert'] as const).filter(
    (name) => config[name] !== undefined,
  );
  if (redisUrl === undefined) {
    for (const name of needsUrl)
      faults.push(`${REDIS_SETTINGS[name].env} is set and needs REDIS_URL, which is not.`);
    if (redisReplicas > 0) faults.push('REDIS_REPLICAS is set and needs REDIS_URL, which is not.');
  } else if (!redisUrl.startsWith('rediss:')) {
    for (const name of needsUrl.filter((each) => each === 'redisCa' || each === 'redisCert'))
      faults.push(`${REDIS_SETTINGS[name].env} is set and needs a rediss:// URL in REDIS_URL.`);
  }
  if (redisCert !== undefined && redisKey === undefined)
    faults.push('REDIS_CERT is set and needs REDIS_KEY, which is not.');
  if (redisKey !== undefined && redisCert === undefined)
    faults.push('REDIS_KEY is set and needs REDIS_CERT, which is not.');
  if (config.redisSentinelPassword !== undefined && config.redisSentinels === undefined)
    faults.push('REDIS_SENTINEL_PASSWORD is set and needs REDIS_SENTINELS, which is not.');
  return faults;
}

import { passwordsOf } from '../base/redis-error.ts';
import type { ServeConfig } from './settings.ts';

/** The keys and passwords among the settings, in every form in which they were given. */
export function secretsOf({
  apiKey,
  redisUrl,
  redisSentinelPassword,
}: Pick<ServeConfig, 'apiKey' | 'redisUrl'> &
  Partial<Pick<ServeConfig, 'redisSentinelPassword'>>): readonly string[] {
  const passwords = redisUrl === undefined ? [] : passwordsOf(redisUrl);
  return [apiKey ?? '', ...passwords, redisSentinelPassword ?? ''].filter((secret) => secret !== '');
}

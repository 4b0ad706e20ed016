import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';

const require = createRequire(import.meta.url);

/** The client of Redis. It is loaded when it is first asked for: most services have no Redis, and would start later for it. */
export function loadRedis(): typeof Redis {
  return (require('ioredis') as typeof import('ioredis')).Redis;
}

import { Counter, Gauge } from 'prom-client';
import { systemClock } from '../base/clock.ts';
import type { RedisEvent, RedisTarget } from '../base/redis.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** The same failure of the same use has one line of the log within this time. */
const SAME_LINE_MS = 60_000;

/**
 * Where Redis is, as the settings say, with its metrics and log lines; undefined: there is none.
 * @param tls what connections to it are made with, as of now
 */
export function redisTarget(
  config: ServeConfig,
  log: Logger,
  { registry }: Metrics,
  tls: RedisTarget['tls'],
): RedisTarget | undefined {
  const connected = new Gauge({
    name: 'redis_connected',
    help: '1 while there is a connection to Redis, by use: budget, record, counts, replicas.',
    labelNames: ['use'],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'redis_failures_total',
    help: 'Connections to Redis and commands that failed, by use and cause.',
    labelNames: ['use', 'cause'],
    registers: [registry],
  });
  const { redisUrl: url } = config;
  if (url === undefined) return undefined;
  const toldAtMs = new Map<string, number>();

  function tell({ use, cause, text }: Extract<RedisEvent, { kind: 'failed' }>): void {
    const name = `${use} ${cause}`;
    const now = systemClock.now();
    if (now - (toldAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < SAME_LINE_MS) return;
    toldAtMs.set(name, now);
    log.warn({ use, cause, error: text }, 'Redis fails');
  }

  function observe(event: RedisEvent): void {
    if (event.kind === 'ready') connected.set({ use: event.use }, 1);
    else if (event.kind === 'lost') connected.set({ use: event.use }, 0);
    else if (event.kind === 'failed') {
      failures.inc({ use: event.use, cause: event.cause });
      tell(event);
    } else if (event.problem !== '') {
      log.warn({ problem: event.problem }, 'Redis may forget the record of creations');
    }
  }

  return {
    url,
    prefix: config.redisPrefix,
    tls,
    sentinels: config.redisSentinels,
    sentinelPassword: config.redisSentinelPassword,
    observe,
  };
}

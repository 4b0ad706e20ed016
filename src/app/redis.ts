import { systemClock } from '../base/clock.ts';
import type { RedisEvent, RedisTarget } from '../base/redis.ts';
import type { ServeConfig } from '../config/settings.ts';
import type { Logger } from '../telemetry/log.ts';
import { METRICS } from '../telemetry/metric-table.ts';
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
  { meter }: Metrics,
  tls: RedisTarget['tls'],
): RedisTarget | undefined {
  /** By use. */
  const connected = new Map<string, boolean>();
  meter.observed(METRICS.redisConnected, (observe) => {
    for (const [use, isConnected] of connected) observe(Number(isConnected), use);
  });
  const failures = meter.counter(METRICS.redisFailures);
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
    if (event.kind === 'ready') connected.set(event.use, true);
    else if (event.kind === 'lost') connected.set(event.use, false);
    else if (event.kind === 'failed') {
      failures.add(1, event.use, event.cause);
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

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallError } from '../status/call-error.ts';
import type { Logger } from '../telemetry/log.ts';
import type { VultrEvent, VultrObserver } from './observe.ts';
import type { VultrRequest } from './request.ts';
import type { StageState } from './stages.ts';

/** What log and metrics learn of the way to Vultr. */
export interface VultrTelemetry {
  readonly observe: VultrObserver;
  readonly onRefreshFailed: (request: VultrRequest, error: CallError) => void;
}

/** Upper bounds in seconds of the time that a request waits for its permit. */
const WAIT_BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/**
 * Registers the metrics of the client and writes its log lines.
 * @param state what the client is doing; asked whenever the metrics are read
 */
export function createVultrTelemetry(
  log: Logger,
  registry: Registry,
  state: () => StageState,
): VultrTelemetry {
  const registers = [registry];
  const waits = new Histogram({
    name: 'vultr_budget_wait_seconds',
    help: 'How long requests waited for their permit in the request budget, by kind.',
    labelNames: ['kind'],
    buckets: WAIT_BUCKETS,
    registers,
  });
  const refusals = new Counter({
    name: 'vultr_budget_refused_total',
    help: 'Requests that got no permit in the request budget, by kind and cause.',
    labelNames: ['kind', 'cause'],
    registers,
  });
  const retries = new Counter({
    name: 'vultr_retries_total',
    help: 'Requests that were sent again, by whether Vultr had throttled them.',
    labelNames: ['throttled'],
    registers,
  });
  const retriesRefused = new Counter({
    name: 'vultr_retries_refused_total',
    help: 'Requests that were not sent again because the retry budget is spent.',
    registers,
  });
  const refreshFailures = new Counter({
    name: 'vultr_cache_refresh_failures_total',
    help: 'Refreshes of the catalogue cache that failed.',
    registers,
  });
  registerState(registry, state);

  return {
    observe: (event) => {
      count(event);
      tell(log, event);
    },
    onRefreshFailed: (request, error) => {
      refreshFailures.inc();
      log.warn({ path: request.path, code: error.code, error: error.message }, 'catalogue refresh failed');
    },
  };

  function count(event: VultrEvent): void {
    if (event.kind === 'permit') waits.observe({ kind: event.request }, event.waitedMs / 1_000);
    else if (event.kind === 'refused') refusals.inc({ kind: event.request, cause: event.why });
    else if (event.kind === 'retry') retries.inc({ throttled: String(event.throttled) });
    else if (event.kind === 'retry_refused') retriesRefused.inc();
  }
}

/** Gauges that are read off the client. */
function registerState(registry: Registry, state: () => StageState): void {
  const gauge = (name: string, help: string, read: (current: StageState) => number | undefined): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read(state());
        if (value !== undefined) this.set(value);
      },
    });
  };
  gauge('vultr_budget_waiting', 'Requests that wait for their permit.', ({ budget }) => budget?.waiting);
  gauge(
    'vultr_budget_rate_factor',
    'The part of the rate that is used; less than 1 after a 429.',
    ({ budget }) => budget?.rateFactor,
  );
  gauge(
    'vultr_budget_degraded',
    '1 while Redis is gone and this replica goes on with its share.',
    ({ budget }) => (budget === undefined ? undefined : Number(budget.kind === 'degraded')),
  );
  gauge('vultr_breaker_changes_open', '1 while changes are refused because Vultr fails.', ({ breaker }) =>
    breaker === undefined ? undefined : Number(breaker.changes !== 'closed'),
  );
  gauge('vultr_breaker_reads_open', '1 while reads are refused because Vultr fails.', ({ breaker }) =>
    breaker === undefined ? undefined : Number(breaker.reads !== 'closed'),
  );
}

/** Changes of state are worth a line; single requests are not. */
function tell(log: Logger, event: VultrEvent): void {
  if (event.kind === 'slowed') {
    log.warn({ rate_factor: event.rateFactor }, 'Vultr answered 429: the rate is reduced for a while');
  } else if (event.kind === 'source') {
    const line = { state: event.state, ...(event.error !== undefined && { error: event.error }) };
    if (event.state === 'degraded')
      log.warn(line, 'Redis is gone: this replica goes on with its share of the budget');
    else log.info(line, 'the request budget has another source');
  } else if (event.kind === 'breaker') {
    const line = { side: event.side, state: event.state };
    if (event.state === 'open') log.warn(line, 'Vultr fails: requests are refused until a probe succeeds');
    else log.info(line, 'the breaker has changed');
  }
}

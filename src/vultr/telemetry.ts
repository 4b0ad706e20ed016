import type { CallError } from '../status/call-error.ts';
import type { Logger } from '../telemetry/log.ts';
import type { GaugeSpec, Meter } from '../telemetry/meter.ts';
import { METRICS } from '../telemetry/metric-table.ts';
import { currentSpan } from '../telemetry/trace.ts';
import type { VultrEvent, VultrObserver } from './observe.ts';
import type { VultrRequest } from './request.ts';
import type { StageState } from './stages.ts';

/** What log, metrics and traces learn of the way to Vultr. */
export interface VultrTelemetry {
  readonly observe: VultrObserver;
  readonly onRefreshFailed: (request: VultrRequest, error: CallError) => void;
}

/**
 * Registers the metrics of the client and writes its log lines.
 * @param state what the client is doing; asked whenever the metrics are read
 */
export function createVultrTelemetry(log: Logger, meter: Meter, state: () => StageState): VultrTelemetry {
  const count = createCounts(meter);
  const refreshFailures = meter.counter(METRICS.cacheRefreshFailures);
  registerState(meter, state);
  return {
    observe: (event) => {
      count(event);
      trace(event);
      tell(log, event);
    },
    onRefreshFailed: (request, error) => {
      refreshFailures.add(1);
      log.warn({ path: request.path, code: error.code, error: error.message }, 'catalogue refresh failed');
    },
  };
}

function createCounts(meter: Meter): VultrObserver {
  const permits = meter.counter(METRICS.budgetPermits);
  const waits = meter.histogram(METRICS.budgetWait);
  const refusals = meter.counter(METRICS.budgetRefused);
  const retries = meter.counter(METRICS.retries);
  const retriesRefused = meter.counter(METRICS.retriesRefused);
  const breakerRefusals = meter.counter(METRICS.breakerRefused);
  const sharedReads = meter.counter(METRICS.sharedReads);
  const cacheRequests = meter.counter(METRICS.cacheRequests);
  const cacheAge = meter.histogram(METRICS.cacheAge);
  return (event) => {
    switch (event.kind) {
      case 'cache':
        cacheRequests.add(1, event.state);
        if (event.state !== 'miss') cacheAge.record(event.ageMs / 1_000);
        break;
      case 'permit':
        permits.add(1, event.request, event.caller);
        waits.record(event.waitedMs / 1_000, event.request);
        break;
      case 'refused':
        refusals.add(1, event.request, event.why, event.caller);
        break;
      case 'retry':
        retries.add(1, String(event.throttled));
        break;
      case 'retry_refused':
        retriesRefused.add(1);
        break;
      case 'breaker_refused':
        breakerRefusals.add(1, event.side);
        break;
      case 'shared':
        sharedReads.add(1);
    }
  };
}

/** Gauges that are read off the client; what there is none of has no value. */
function registerState(meter: Meter, state: () => StageState): void {
  const gauge = (spec: GaugeSpec<readonly []>, read: (current: StageState) => number | undefined): void =>
    meter.observed(spec, (observe) => {
      const value = read(state());
      if (value !== undefined) observe(value);
    });
  gauge(METRICS.budgetRate, ({ budget }) => budget && 1_000 / budget.intervalMs);
  gauge(METRICS.budgetRateFactor, ({ budget }) => budget?.rateFactor);
  gauge(METRICS.budgetWaiting, ({ budget }) => budget?.waiting);
  gauge(METRICS.budgetInFlight, ({ budget }) => budget?.inFlight);
  gauge(METRICS.budgetDegraded, ({ budget }) => budget && Number(budget.kind === 'degraded'));
  gauge(METRICS.breakerChangesOpen, ({ breaker }) => breaker && Number(breaker.changes !== 'closed'));
  gauge(METRICS.breakerReadsOpen, ({ breaker }) => breaker && Number(breaker.reads !== 'closed'));
  gauge(METRICS.cacheEntries, ({ cache }) => cache?.entries);
  gauge(METRICS.cacheSize, ({ cache }) => cache?.bytes);
}

/** What happens to a request is an event of the span that it is a part of. */
function trace(event: VultrEvent): void {
  const span = currentSpan();
  if (span?.isSampled !== true) return;
  switch (event.kind) {
    case 'cache':
      span.event('vultr.cache', { state: event.state, age_ms: Math.round(event.ageMs) });
      break;
    case 'permit':
      span.event('vultr.budget.permit', { kind: event.request, waited_ms: Math.round(event.waitedMs) });
      break;
    case 'retry':
      span.event('vultr.retry', {
        attempt: event.attempt,
        delay_ms: Math.round(event.delayMs),
        throttled: event.throttled,
      });
      break;
    case 'retry_refused':
    case 'breaker_refused':
    case 'shared':
      span.event(`vultr.${event.kind}`);
  }
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

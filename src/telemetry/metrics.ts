import type { CallRecord } from './call-log.ts';
import { isFault } from './faults.ts';
import { Meter } from './meter.ts';
import { METRICS } from './metric-table.ts';
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from './prometheus.ts';

/** The numbers of the service. */
export interface Metrics {
  /** Where other parts of the service register theirs. */
  readonly meter: Meter;
  /** Counts a call that is over. */
  recordCall(record: CallRecord, isKnown: boolean): void;
  /** Counts a call that has begun; the returned function ends it. */
  beginCall(): () => void;
  /** The numbers as text for Prometheus, and the media type of that text. */
  render(): { contentType: string; text: string };
}

/** The method of what belongs to no rpc, so that callers cannot make up labels. */
const OTHER_METHOD = '_OTHER';

/**
 * Makes a set of metrics, with those of the calls in it.
 * @param droppedLogLines how many lines of the log have been dropped so far
 */
export function createMetrics(droppedLogLines: () => number = () => 0): Metrics {
  const meter = new Meter();
  const duration = meter.histogram(METRICS.callDuration);
  const byCaller = meter.counter(METRICS.callsByCaller);
  let active = 0;
  meter.observed(METRICS.activeCalls, (observe) => observe(active));
  meter.observed(METRICS.logLinesDropped, (observe) => observe(droppedLogLines()));
  return {
    meter,
    recordCall({ method, code, transport, durationMs, caller, error }, isKnown) {
      const type = error !== undefined && isFault(code) ? error.reason : '';
      duration.record(durationMs / 1_000, isKnown ? method : OTHER_METHOD, code, transport, type);
      if (caller !== undefined) byCaller.add(1, caller, code);
    },
    beginCall() {
      active += 1;
      return () => {
        active -= 1;
      };
    },
    render: () => ({ contentType: PROMETHEUS_CONTENT_TYPE, text: renderPrometheus(meter.read()) }),
  };
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CallRecord } from './call-log.ts';

/** The numbers of the service, for Prometheus. */
export interface Metrics {
  /** Where other parts of the service register theirs. */
  readonly registry: Registry;
  /** Counts a call that is over. */
  recordCall(record: CallRecord, isKnown: boolean): void;
  /** Counts a call that has begun; the returned function ends it. */
  beginCall(): () => void;
  /** The numbers as text, and the media type of that text. */
  render(): Promise<{ contentType: string; text: string }>;
}

/** Upper bounds in seconds: from a cached reply to a slow change at Vultr. */
const DURATION_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Makes an empty set of metrics, named after OpenTelemetry's conventions for RPC servers (rpc.server.call.duration).
 * Requests that belong to no rpc share the method `_OTHER`, so that callers cannot make up labels.
 * @param droppedLogLines how many lines of the log have been dropped so far
 */
export function createMetrics(droppedLogLines: () => number = () => 0): Metrics {
  const registry = new Registry();
  const duration = new Histogram({
    name: 'rpc_server_call_duration_seconds',
    help: 'How long calls took, by rpc, status code and transport.',
    labelNames: ['rpc_method', 'rpc_status_code', 'transport'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  const active = new Gauge({
    name: 'rpc_server_active_calls',
    help: 'Calls under way.',
    registers: [registry],
  });
  new Counter({
    name: 'log_lines_dropped_total',
    help: 'Lines of the log that were dropped because nobody read them in time.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(droppedLogLines());
    },
  });
  return {
    registry,
    recordCall(record, isKnown) {
      duration.observe(
        {
          rpc_method: isKnown ? record.method : '_OTHER',
          rpc_status_code: record.code,
          transport: record.transport,
        },
        record.durationMs / 1_000,
      );
    },
    beginCall() {
      active.inc();
      return () => active.dec();
    },
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

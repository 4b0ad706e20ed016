import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { observeRuntime } from '../telemetry/runtime.ts';

/** What the service tells of itself besides its log. */
export interface OpenedTelemetry extends AsyncDisposable {
  readonly metrics: Metrics;
}

/**
 * Opens it.
 * @param droppedLogLines how many lines of the log have been dropped so far
 */
export async function openTelemetry(droppedLogLines: () => number): Promise<OpenedTelemetry> {
  const metrics = createMetrics(droppedLogLines);
  const runtime = observeRuntime(metrics.meter);
  return {
    metrics,
    [Symbol.asyncDispose]: async () => runtime[Symbol.dispose](),
  };
}

import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Meter } from './meter.ts';
import { METRICS } from './metric-table.ts';

/** How often the event loop is asked how late it is. */
const DELAY_RESOLUTION_MS = 20;

const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;

/** Node's kinds of collections, by the names of OpenTelemetry's conventions. */
const GC_TYPES: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** Reports on the process itself: event loop, heap, collections, memory, CPU. Disposing of it ends the measurements. */
export function observeRuntime(meter: Meter): Disposable {
  const observer = observeCollections(meter);
  const delay = observeDelay(meter);
  meter.observed(METRICS.eventLoopTime, (observe) => {
    const { active, idle } = performance.eventLoopUtilization();
    observe(active / 1_000, 'active');
    observe(idle / 1_000, 'idle');
  });
  meter.observed(METRICS.heapUsed, (observe) => {
    for (const space of getHeapSpaceStatistics()) observe(space.space_used_size, space.space_name);
  });
  meter.observed(METRICS.heapLimit, (observe) => observe(getHeapStatistics().heap_size_limit));
  meter.observed(METRICS.memory, (observe) => observe(process.memoryUsage.rss()));
  meter.observed(METRICS.cpuTime, (observe) => {
    const { user, system } = process.cpuUsage();
    observe(user / MICROSECONDS, 'user');
    observe(system / MICROSECONDS, 'system');
  });
  return {
    [Symbol.dispose]: () => {
      observer.disconnect();
      delay.disable();
    },
  };
}

function observeCollections(meter: Meter): PerformanceObserver {
  const duration = meter.histogram(METRICS.gcDuration);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {};
      duration.record(entry.duration / 1_000, GC_TYPES.get(kind ?? 0) ?? '');
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return observer;
}

/** Every reading of the largest delay begins a new measurement. With two readers, each sees a part of the time. */
function observeDelay(meter: Meter): { disable(): void } {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  // What is measured is the time between two ticks, of which the resolution is no delay.
  const late = (ns: number): number => Math.max(0, ns / NANOSECONDS - DELAY_RESOLUTION_MS / 1_000);
  meter.observed(METRICS.eventLoopDelayP50, (observe) => observe(late(delay.percentile(50))));
  meter.observed(METRICS.eventLoopDelayP99, (observe) => observe(late(delay.percentile(99))));
  meter.observed(METRICS.eventLoopDelayMax, (observe) => {
    observe(late(delay.max));
    delay.reset();
  });
  return { disable: () => void delay.disable() };
}

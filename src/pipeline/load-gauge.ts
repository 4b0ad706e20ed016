/** Measures how late the event loop is. */
export interface LoadGauge {
  /** Measures from now on, if it does not already. */
  resume(): void;
  /** Stops measuring, so that an idle service does not wake up for it. */
  pause(): void;
}

/** How long to wait between two measurements. */
const EVERY_MS = 20;

/**
 * Measures by a timer how much later than it should the event loop comes round, which is how long everything else waits, too.
 * Node's own histogram of it (perf_hooks) covers all the time since it was last reset, and this is about the last moments.
 * @param take told of each measurement
 */
export function startLoadGauge(take: (delayMs: number) => void): LoadGauge {
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;

  function measure(): void {
    const delayMs = Math.max(0, performance.now() - dueAt);
    begin();
    take(delayMs);
  }

  function begin(): void {
    dueAt = performance.now() + EVERY_MS;
    timer = setTimeout(measure, EVERY_MS).unref();
  }

  return {
    resume: () => {
      if (timer === undefined) begin();
    },
    pause: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

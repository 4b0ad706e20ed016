/** How the event loop has done since the last measurement. */
export interface Load {
  /** How much later than it should it has come round. */
  readonly delayMs: number;
  /** How long it has worked, and not waited for something to do. */
  readonly activeMs: number;
  readonly elapsedMs: number;
}

/** Measures how late and how busy the event loop is. */
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
export function startLoadGauge(take: (load: Load) => void): LoadGauge {
  let timer: NodeJS.Timeout | undefined;
  let before = performance.eventLoopUtilization();
  let dueAt = 0;

  function measure(): void {
    const delayMs = Math.max(0, performance.now() - dueAt);
    const { active, idle } = performance.eventLoopUtilization(before);
    begin();
    take({ delayMs, activeMs: active, elapsedMs: active + idle });
  }

  function begin(): void {
    dueAt = performance.now() + EVERY_MS;
    before = performance.eventLoopUtilization();
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

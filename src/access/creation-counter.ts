/** Counts what callers create within an hour. */
export interface CreationCounter {
  /**
   * Counts a creation, unless the limit has been reached.
   * @param id of the creation; one that has been counted is not counted again
   */
  take(caller: string, id: string, perHour: number): Promise<Taken>;
  /** Removes a creation that has created nothing from the count. */
  giveBack(caller: string, id: string): Promise<void>;
  close(): void;
}

/** Whether a creation was counted, or how long to wait until one can be. */
export type Taken = { readonly kind: 'taken' } | { readonly kind: 'full'; readonly retryDelayMs: number };

/** The length of the sliding window: earlier creations do not count. */
export const WINDOW_MS = 3_600_000;

/** How many callers may be counted before those whose hour is over are dropped. */
const MAX_CALLERS = 10_000;

/**
 * Counts in this process alone.
 * @param now milliseconds
 */
export function createLocalCounter(now: () => number): CreationCounter {
  const counts = new Map<string, Map<string, number>>();

  function prune(caller: string): Map<string, number> {
    const entries = counts.get(caller) ?? new Map<string, number>();
    const oldest = now() - WINDOW_MS;
    // In the order in which they were counted.
    for (const [id, at] of entries) {
      if (at > oldest) break;
      entries.delete(id);
    }
    if (entries.size === 0) counts.delete(caller);
    else counts.set(caller, entries);
    return entries;
  }

  /** Callers that are told apart by their Vultr keys come and go, so those without recent creations are dropped. */
  function sweep(): void {
    if (counts.size > MAX_CALLERS) for (const caller of [...counts.keys()]) prune(caller);
  }

  return {
    take: async (caller, id, perHour) => {
      const entries = prune(caller);
      if (entries.has(id)) return { kind: 'taken' };
      if (entries.size >= perHour) {
        const at = [...entries.values()].at(entries.size - perHour) ?? now();
        return { kind: 'full', retryDelayMs: Math.max(1, at + WINDOW_MS - now()) };
      }
      entries.set(id, now());
      counts.set(caller, entries);
      sweep();
      return { kind: 'taken' };
    },
    giveBack: async (caller, id) => {
      counts.get(caller)?.delete(id);
    },
    close: () => counts.clear(),
  };
}

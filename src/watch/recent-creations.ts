import { systemClock } from '../base/clock.ts';

/** How long Vultr's reads may miss an instance after its creation: tens of seconds have been seen. */
const LAG_MS = 120_000;

/** The most ids that are kept; the oldest are forgotten first. */
const MAX_IDS = 10_000;

/** The instances that this process has just created, which a read may not find yet. */
export interface RecentCreations {
  add(instanceId: string | undefined): void;
  has(instanceId: string): boolean;
  /** Call it when the instance was destroyed: from then on, a read that does not find it means that it is gone. */
  forget(instanceId: string): void;
}

/** Creates an empty list. `now` is in milliseconds. */
export function createRecentCreations(now: () => number = systemClock.now): RecentCreations {
  const createdAt = new Map<string, number>();
  return {
    add(instanceId) {
      if (instanceId === undefined) return;
      createdAt.set(instanceId, now());
      for (const [oldest, at] of createdAt) {
        if (createdAt.size <= MAX_IDS && now() - at < LAG_MS) break;
        createdAt.delete(oldest);
      }
    },
    forget(instanceId) {
      createdAt.delete(instanceId);
    },
    has(instanceId) {
      const at = createdAt.get(instanceId);
      return at !== undefined && now() - at < LAG_MS;
    },
  };
}

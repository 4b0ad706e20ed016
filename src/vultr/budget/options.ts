import { assertInteger } from '../../base/limits.ts';
import type { RedisTarget } from '../../base/redis.ts';
import { WINDOW_MS } from './permit.ts';

/** The options of the budget. */
export interface BudgetOptions {
  /** Requests in one second that Vultr allows one source address. Default 30. */
  readonly ratePerSecond: number;
  /** The part of the rate that is kept back, 0 up to 1. Default 0.1: it covers the jitter of the network. */
  readonly reserve: number;
  /** How many requests may go four times as fast as the rate after a pause, or to make up for one. Default 6. */
  readonly burst: number;
  /** How many requests may wait. The one in the last place gives way to one with an earlier place. Default 2000. */
  readonly maxWaiting: number;
  /** How many requests of one credential may wait. Default 1000. */
  readonly maxWaitingPerCaller: number;
  /** How much the bodies of waiting requests may hold together. Default 16 MB. */
  readonly maxWaitingBytes: number;
  /** How many replicas share the address: what each may use when Redis is gone is its part of the rate. Default 1. */
  readonly replicas: number;
  /** The Redis through which replicas share the budget; undefined: the budget is this process's own. */
  readonly redis?: RedisOptions;
}

/** How the Redis is reached. */
export interface RedisOptions extends RedisTarget {
  /** The key; the same for all that share the source address. Default: derived from the prefix and the address of the upstream. */
  readonly key?: string;
  /** How long a command may take before Redis counts as gone. Default 250. */
  readonly commandTimeoutMs?: number;
  /** How long connecting may take. Default 1000. */
  readonly connectTimeoutMs?: number;
  /** How often a Redis that is gone is tried again. Default 1000. */
  readonly probeIntervalMs?: number;
}

/** The options with their times filled in. */
export type ResolvedRedis = RedisOptions &
  Required<Pick<RedisOptions, 'commandTimeoutMs' | 'connectTimeoutMs' | 'probeIntervalMs'>>;

/** The options with their defaults filled in. */
export type BudgetLimits = Omit<BudgetOptions, 'redis'>;

/** The defaults. */
export const DEFAULT_BUDGET: BudgetLimits = {
  ratePerSecond: 30,
  reserve: 0.1,
  burst: 6,
  maxWaiting: 2_000,
  maxWaitingPerCaller: 1_000,
  maxWaitingBytes: 16 * 1024 * 1024,
  replicas: 1,
};

const COUNTS = ['burst', 'maxWaiting', 'maxWaitingPerCaller', 'maxWaitingBytes', 'replicas'] as const;

/**
 * The options with their defaults filled in.
 * @throws TypeError when one is not usable, or when the reserve is too small
 */
export function resolveBudget(given: Partial<BudgetOptions>): BudgetLimits {
  const { redis: _, ...limits } = { ...DEFAULT_BUDGET, ...given };
  for (const name of COUNTS) assertInteger(`budget.${name}`, limits[name], 1);
  const { ratePerSecond, reserve } = limits;
  if (!Number.isFinite(ratePerSecond) || ratePerSecond < 1)
    throw new TypeError(`budget.ratePerSecond is ${ratePerSecond}; it must be a number, 1 or more.`);
  if (!(reserve >= 0 && reserve < 1))
    throw new TypeError(
      `budget.reserve is ${reserve}; it must be a number from 0 up to, but not including, 1.`,
    );
  if (limitOf(limits) * intervalOf(limits) < WINDOW_MS) {
    throw new TypeError(
      `budget.reserve is ${reserve}; with ${ratePerSecond} requests per second that leaves nothing for the jitter of the ` +
        `network. It must be ${(1 - (1_000 * limitOf(limits)) / (ratePerSecond * WINDOW_MS)).toFixed(3)} or more.`,
    );
  }
  return limits;
}

/** The mean time between two requests at the full rate, less the reserve. */
export function intervalOf({ ratePerSecond, reserve }: BudgetLimits): number {
  return 1_000 / (ratePerSecond * (1 - reserve));
}

/** How many requests there may be in one second. */
export function limitOf({ ratePerSecond }: BudgetLimits): number {
  return Math.floor(ratePerSecond);
}

/** What one replica may use while it cannot see the others. */
export interface Share {
  readonly intervalMs: number;
  readonly limit: number;
}

/**
 * The part of the budget of each replica: so that all together keep the limit, however their requests fall together. (Where
 * there are more replicas than requests per second, nothing but the mean rate is kept.)
 */
export function shareOf(limits: BudgetLimits): Share {
  const shareMs = intervalOf(limits) * limits.replicas;
  const limit = Math.floor(limitOf(limits) / limits.replicas);
  if (limit === 0) return { intervalMs: shareMs, limit: 1 };
  return { intervalMs: Math.max(shareMs, WINDOW_MS / limit), limit };
}

import { SLOT_TOLERANCE_MS } from './slot.ts';

/** What the budget is made of. */
export interface BudgetOptions {
  /** Requests in one second that Vultr allows one source address. Default 30. */
  readonly ratePerSecond: number;
  /** The part of the rate that is kept back, 0 up to 1. Default 0.1: it covers the jitter of the network. */
  readonly reserve: number;
  /** How many requests may go at once after a pause. Default 1: they are evenly spaced from the first on. */
  readonly burst: number;
  /** How many requests may wait. The one whose turn is last gives way to one with an earlier turn. Default 1000. */
  readonly maxWaiting: number;
  /** How many requests of one credential may wait. Default 500. */
  readonly maxWaitingPerCredential: number;
  /** How much the bodies of waiting requests may hold together. Default 16 MB. */
  readonly maxWaitingBytes: number;
  /** How many replicas share the address: what each may use when Redis is gone is its part of the rate. Default 1. */
  readonly replicas: number;
  /** The Redis through which replicas share the budget; undefined: the budget is this process's own. */
  readonly redis?: RedisOptions;
}

/** How the Redis is reached. */
export interface RedisOptions {
  /** `redis://` or `rediss://`, credentials included. It is never logged. */
  readonly url: string;
  /** The key; the same for all that share the source address. Default: made of the address of the upstream. */
  readonly key?: string;
  /** How long a command may take before Redis counts as gone. Default 250. */
  readonly commandTimeoutMs?: number;
  /** How long connecting may take. Default 1000. */
  readonly connectTimeoutMs?: number;
  /** How often a Redis that is gone is looked for. Default 1000. */
  readonly probeIntervalMs?: number;
}

/** The options with their defaults filled in. */
export type BudgetLimits = Omit<BudgetOptions, 'redis'>;

/** The defaults. */
export const DEFAULT_BUDGET: BudgetLimits = {
  ratePerSecond: 30,
  reserve: 0.1,
  burst: 1,
  maxWaiting: 1_000,
  maxWaitingPerCredential: 500,
  maxWaitingBytes: 16 * 1024 * 1024,
  replicas: 1,
};

const COUNTS = ['burst', 'maxWaiting', 'maxWaitingPerCredential', 'maxWaitingBytes', 'replicas'] as const;

/**
 * The options with their defaults filled in.
 * @throws TypeError when one is not usable, or when rate, reserve and burst together could exceed Vultr's limit
 */
export function resolveBudget(given: Partial<BudgetOptions>): BudgetLimits {
  const { redis: _, ...limits } = { ...DEFAULT_BUDGET, ...given };
  for (const name of COUNTS) {
    if (!Number.isInteger(limits[name]) || limits[name] < 1)
      throw new TypeError(`budget.${name} is ${limits[name]}; it has to be a positive integer.`);
  }
  const { ratePerSecond, reserve, burst } = limits;
  if (!Number.isFinite(ratePerSecond) || ratePerSecond < 1)
    throw new TypeError(`budget.ratePerSecond is ${ratePerSecond}; it has to be a number, 1 or more.`);
  if (!(reserve >= 0 && reserve < 1))
    throw new TypeError(`budget.reserve is ${reserve}; it has to be a number from 0 up to, but without, 1.`);
  const most = burst + inOneSecond(ratePerSecond * (1 - reserve));
  if (most > ratePerSecond) {
    throw new TypeError(
      `budget: ${ratePerSecond} requests per second with a reserve of ${reserve} and a burst of ${burst} could send ` +
        `${most} requests in one second. Raise the reserve or lower the burst.`,
    );
  }
  return limits;
}

/** The time between two requests at the full rate, less the reserve. */
export function intervalOf({ ratePerSecond, reserve }: BudgetLimits): number {
  return 1_000 / (ratePerSecond * (1 - reserve));
}

/**
 * The time between two requests of one replica that cannot see the others: its part of the rate, and slower where many
 * replicas, each within its part, could by chance send at the same moments and exceed the limit together. (Where there
 * are more replicas than requests per second, no spacing rules that out.)
 */
export function shareIntervalOf(limits: BudgetLimits): number {
  const { ratePerSecond, replicas } = limits;
  const shareMs = intervalOf(limits) * replicas;
  if (replicas === 1) return shareMs;
  const mostPerWindow = Math.floor(ratePerSecond / replicas);
  return mostPerWindow === 0 ? shareMs : Math.max(shareMs, (1_000 + 2 * SLOT_TOLERANCE_MS) / mostPerWindow);
}

/** How many slots of an even rate can be used in a second after the first one, each being late or not. */
function inOneSecond(ratePerSecond: number): number {
  return Math.floor((ratePerSecond * (1_000 + SLOT_TOLERANCE_MS)) / 1_000);
}

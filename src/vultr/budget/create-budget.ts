import type { Clock } from '../../base/clock.ts';
import type { VultrObserver } from '../observe.ts';
import { Budget } from './budget.ts';
import { createLocalSource } from './local-source.ts';
import { type BudgetOptions, intervalOf, limitOf, resolveBudget } from './options.ts';
import { createSharedSource } from './shared-source.ts';

/** What a budget is created from. */
export interface CreateBudgetOptions {
  readonly options: Partial<BudgetOptions>;
  /** The address that the requests go to; it names the budget in Redis. */
  readonly baseUrl: string;
  readonly maxInFlight: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observe: VultrObserver;
}

/**
 * Creates the budget with its source: this process, or Redis when there is one.
 * @throws TypeError when an option is not usable
 */
export function createBudget(given: CreateBudgetOptions): Budget {
  const { options, baseUrl, maxInFlight, clock, random, observe } = given;
  const limits = resolveBudget(options);
  const source =
    options.redis === undefined
      ? createLocalSource({
          clock,
          intervalMs: intervalOf(limits),
          limit: limitOf(limits),
          burst: limits.burst,
        })
      : createSharedSource({ clock, random, observe, limits, redis: options.redis, baseUrl });
  return new Budget({ source, clock, random, limits, maxInFlight, observe });
}

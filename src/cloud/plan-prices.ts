import type { PlanPrices } from '../access/create-limits.ts';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import type { JsonObject } from '../payload/json.ts';
import type { Vultr } from '../vultr/vultr.ts';
import { type CatalogueList, createCatalogueReader } from './catalogue-reader.ts';
import { createAsk } from './upstream.ts';

/**
 * The lists that name prices of plans. Those of databases and registries are not public, and what is sold by size, by the piece
 * or by use has no list of prices.
 */
const LISTS = ['listPlans', 'listMetalPlans'] as const satisfies readonly CatalogueList[];

/** How long a decision may wait for the catalogue. */
const TIMEOUT_MS = 10_000;

/**
 * The prices of plans by Vultr's catalogue, which is asked through the cache. It has one price for each plan, wherever it is
 * deployed.
 * @throws Error when the contract does not have the operations that list the plans
 */
export function createPlanPrices(vultr: Vultr, operations: ReadonlyMap<string, Operation>): PlanPrices {
  const reader = createCatalogueReader(createAsk(vultr, operations));
  return {
    monthlyCost: async (plan, _regions, signal) => {
      const options = { credential: undefined, signal, deadline: systemClock.now() + TIMEOUT_MS };
      const lists = await Promise.all(LISTS.map((list) => reader.all(options, list)));
      const prices = lists.flatMap(({ value }) => value).flatMap((item) => priceOf(item, plan));
      return prices.length === 0 ? undefined : Math.max(...prices);
    },
  };
}

/** The price of an item, if it is the plan. A plan that is told in another case is the same to somebody. */
function priceOf({ id, monthly_cost: cost }: JsonObject, plan: string): readonly number[] {
  if (typeof id !== 'string' || id.toLowerCase() !== plan.toLowerCase()) return [];
  const price = Number(cost);
  return Number.isFinite(price) ? [price] : [];
}

import type { DescMessage } from '@bufbuild/protobuf';
import { toLine } from '../base/text.ts';
import type { Effect } from '../contract/effect.ts';
import type { Operation } from '../contract/operation.ts';
import type { CreateLimits } from './model.ts';
import type { RequestView } from './request-view.ts';

/** The prices of plans, from the catalogue. */
export interface PlanPrices {
  /**
   * The price of a plan in US dollars a month.
   * @param regions where it is to be deployed, as far as the request says; the most expensive one counts
   * @returns undefined when the catalogue does not know the plan or its price
   * @throws CallError when the catalogue is out of reach
   */
  monthlyCost(plan: string, regions: readonly string[], signal: AbortSignal): Promise<number | undefined>;
}

/** The options of the check of create limits. */
export type LimitedOperation = Pick<Operation, 'isRaw' | 'input' | 'bindings'>;

/**
 * Whether the limits apply to an operation: to every creation, and to every change that may name another region or plan,
 * since moving a machine to a larger plan means buying one.
 */
export function limitsApply(
  limits: CreateLimits,
  operation: LimitedOperation,
  effect: Effect | undefined,
): boolean {
  const { regions, plans, monthlyCostMax } = limits;
  if (regions === undefined && plans === undefined && monthlyCostMax === undefined) return false;
  if (effect === 'CREATE') return true;
  if (effect !== 'CHANGE' && effect !== 'DESTROY') return false;
  const isDelete = operation.bindings[0]?.httpMethod === 'DELETE';
  return !isDelete && (mentions(operation.input, 'plan') || mentions(operation.input, 'region'));
}

/**
 * Checks a request against the limits.
 * @returns the limit that it exceeds, as a sentence; undefined: none
 */
export async function findLimit(
  limits: CreateLimits,
  operation: LimitedOperation,
  effect: Effect | undefined,
  view: RequestView,
  prices: PlanPrices,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (operation.isRaw)
    return 'create limits what it may create, and what this creates is not known, since the contract does not know the operation.';
  const regions = texts(view.valuesOf('region'));
  const plans = texts(view.valuesOf('plan'));
  const isCreate = effect === 'CREATE';
  return (
    findRegionFault(limits, regions, isCreate && hasField(operation.input, 'region')) ??
    findPlanFault(limits, plans, isCreate && hasField(operation.input, 'plan')) ??
    (await findCostFault(limits, plans, regions, prices, signal))
  );
}

/** Only text can name a region or a plan; null and objects cannot. */
type Texts = readonly string[] | 'not text';

function texts(values: readonly unknown[]): Texts {
  const found = values.filter((value) => typeof value === 'string');
  return found.length === values.length ? found : 'not text';
}

function findRegionFault(
  { regions: allowed }: CreateLimits,
  regions: Texts,
  isNeeded: boolean,
): string | undefined {
  if (allowed === undefined) return undefined;
  const list = `create.regions are ${allowed.join(', ')}`;
  if (regions === 'not text') return `${list}, and the request has a region that is not text.`;
  if (regions.length === 0 && isNeeded) return `${list}, and the request names no region.`;
  const other = regions.find((region) => !allowed.includes(region.toLowerCase()));
  return other === undefined ? undefined : `${list}, and the request names ${toLine(other, 60)}.`;
}

function findPlanFault(limits: CreateLimits, plans: Texts, isNeeded: boolean): string | undefined {
  const { plans: allowed, monthlyCostMax } = limits;
  if (allowed === undefined && monthlyCostMax === undefined) return undefined;
  const list =
    allowed === undefined
      ? `create.monthly_cost_max is ${monthlyCostMax}`
      : `create.plans are ${allowed.map(({ text }) => text).join(', ')}`;
  if (plans === 'not text') return `${list}, and the request has a plan that is not text.`;
  if (plans.length === 0 && isNeeded) return `${list}, and the request names no plan.`;
  const other = allowed && plans.find((plan) => !allowed.some((glob) => glob.matches(plan)));
  return other === undefined ? undefined : `${list}, and the request names ${toLine(other, 60)}.`;
}

async function findCostFault(
  { monthlyCostMax: max }: CreateLimits,
  plans: Texts,
  regions: Texts,
  prices: PlanPrices,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (max === undefined || plans === 'not text') return undefined;
  for (const plan of new Set(plans)) {
    const cost = await prices.monthlyCost(plan, regions === 'not text' ? [] : regions, signal);
    const name = toLine(plan, 60);
    if (cost === undefined)
      return `create.monthly_cost_max is ${max}, and the catalogue has no price for the plan ${name}.`;
    if (cost > max) return `create.monthly_cost_max is ${max}, and the plan ${name} costs ${cost} a month.`;
  }
  return undefined;
}

function hasField({ fields }: DescMessage, name: string): boolean {
  return fields.some((field) => field.name === name);
}

const known = new WeakMap<DescMessage, Map<string, boolean>>();

/** Whether a message has a field of this name, at whatever depth. */
function mentions(message: DescMessage, name: string): boolean {
  const answers = known.get(message) ?? new Map<string, boolean>();
  known.set(message, answers);
  let answer = answers.get(name);
  if (answer === undefined) {
    answer = search(message, name, new Set());
    answers.set(name, answer);
  }
  return answer;
}

function search(message: DescMessage, name: string, seen: Set<DescMessage>): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return message.fields.some(
    (field) => field.name === name || (field.message !== undefined && search(field.message, name, seen)),
  );
}

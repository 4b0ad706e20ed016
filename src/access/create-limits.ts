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
  const { plan, region } = limitedNames(operation.input);
  return !isDelete && (plan.size > 0 || region.size > 0);
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
  const names = limitedNames(operation.input);
  const regions = texts(valuesOf(view, ['region', ...names.region]));
  const plans = texts(valuesOf(view, ['plan', ...names.plan]));
  const isCreate = effect === 'CREATE';
  return (
    findRegionFault(limits, regions, isCreate && hasField(operation.input, 'region')) ??
    findPlanFault(limits, plans, isCreate && hasField(operation.input, 'plan')) ??
    (await findCostFault(limits, plans, regions, prices, signal))
  );
}

function valuesOf(view: RequestView, names: readonly string[]): readonly unknown[] {
  return [...new Set(names)].flatMap((name) => view.valuesOf(name));
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
      return `create.monthly_cost_max is ${max}, and the price of the plan ${name} is not known: it is neither in the list of plans nor in that of bare metal plans.`;
    if (cost > max) return `create.monthly_cost_max is ${max}, and the plan ${name} costs ${cost} a month.`;
  }
  return undefined;
}

function hasField({ fields }: DescMessage, name: string): boolean {
  return fields.some((field) => field.name === name);
}

/** The names of fields that say what is bought and where. */
interface LimitedNames {
  readonly plan: ReadonlySet<string>;
  readonly region: ReadonlySet<string>;
}

/** `plan` and `head_node_plan`; `region`, `regions` and `global_regions`. */
const PLAN = /(?:^|_)plan$/;
const REGION = /(?:^|_)regions?$/;

const known = new WeakMap<DescMessage, LimitedNames>();

/** The fields of a message, at whatever depth, that name a plan or a region. */
function limitedNames(message: DescMessage): LimitedNames {
  let names = known.get(message);
  if (names === undefined) {
    const all = fieldNames(message, new Set());
    const like = (pattern: RegExp): ReadonlySet<string> => new Set(all.filter((name) => pattern.test(name)));
    names = { plan: like(PLAN), region: like(REGION) };
    known.set(message, names);
  }
  return names;
}

function fieldNames(message: DescMessage, seen: Set<DescMessage>): readonly string[] {
  if (seen.has(message)) return [];
  seen.add(message);
  return message.fields.flatMap((field) => [
    field.name,
    ...(field.message === undefined ? [] : fieldNames(field.message, seen)),
  ]);
}

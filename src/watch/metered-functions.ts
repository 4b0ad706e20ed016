import { type CelEnv, celEnv } from '@bufbuild/cel';
import { METERS, textWork } from './function-meters.ts';
import type { WorkBudget } from './work-budget.ts';

type Functions = CelEnv['funcs'];
type FunctionGroup = NonNullable<ReturnType<Functions['find']>>;

/** What any call takes. */
const CALL = 2;

/**
 * Makes the environment of conditions: CEL's own functions, each of which charges a budget for its operands before it begins.
 * What the budget throws ends the evaluation, unlike an error of CEL, which `&&` and `||` may swallow.
 */
export function meteredEnv(budget: WorkBudget): CelEnv {
  const standard = celEnv();
  const find = (name: string): FunctionGroup | undefined => {
    const group = standard.funcs.find(name);
    const meter = METERS.get(name);
    if (group === undefined && meter === undefined) return undefined;
    return {
      name,
      [Symbol.iterator]: () => (group ?? [])[Symbol.iterator](),
      call: (id, target, args) => {
        const operands = target === undefined ? args : [target, ...args];
        budget.charge(operands.reduce((sum: number, one) => sum + textWork(one), CALL));
        const result = meter?.(budget, operands, id);
        return result === undefined ? group?.call(id, target, args) : result;
      },
    };
  };
  const funcs: Functions = Object.create(standard.funcs, { find: { value: find } });
  return Object.create(standard, { funcs: { value: funcs } });
}

import { STATE_NAMES, type StateName, type StatesRule } from '../contract/operation.ts';
import type { JsonObject } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import type { Condition } from './condition.ts';

/** How a goal judges a state. */
export type Judgement = 'open' | 'reached' | 'unreachable';

/** What a watcher waits for. */
export interface Goal {
  /** Whether the watcher waits for the thing to be gone. */
  readonly isGone: boolean;
  /**
   * Judges a state.
   * @throws CallError INVALID_ARGUMENT when the condition cannot be evaluated for the state
   */
  judge(state: JsonObject): Judgement;
}

/** The watcher waits for nothing. */
export const NO_GOAL: Goal = { isGone: false, judge: () => 'open' };

/** The most conditions that are kept compiled. */
const MAX_COMPILED = 1_000;

const compiled = new Map<string, Condition>();

/**
 * Goals are compiled once for all of their watchers, so that each state is judged once. CEL is loaded for the first of them: most
 * services are never asked to wait.
 */
async function conditionOf(source: string): Promise<Condition> {
  const { compileCondition } = await import('./condition.ts');
  let condition = compiled.get(source);
  if (condition === undefined) {
    condition = compileCondition(source, 'until');
    if (compiled.size >= MAX_COMPILED) compiled.delete(compiled.keys().next().value ?? '');
    compiled.set(source, condition);
  }
  return condition;
}

/**
 * Compiles what a caller waits for: a named condition of the operation, or an expression.
 * @param until empty when the caller waits for nothing
 * Rejects with a CallError INVALID_ARGUMENT when it is neither.
 */
export async function compileGoal(until: string, states: StatesRule | undefined): Promise<Goal> {
  if (until === '') return NO_GOAL;
  const name = STATE_NAMES.find((one) => one === until);
  const failed = states?.conditions.failed;
  const isHopeless =
    failed === undefined || name === 'failed' || name === 'gone' ? never : await named(failed);
  if (name === undefined) {
    const condition = await conditionOf(until);
    return {
      isGone: false,
      judge: (state) => (holds(condition, state) ? 'reached' : isHopeless(state) ? 'unreachable' : 'open'),
    };
  }
  const source = states?.conditions[name];
  if (source === undefined && name !== 'gone') throw noSuchState(name, states);
  const isReached = source === undefined ? never : await named(source);
  return {
    isGone: name === 'gone',
    judge: (state) => (isReached(state) ? 'reached' : isHopeless(state) ? 'unreachable' : 'open'),
  };
}

/** Whether a named condition holds. One that cannot be evaluated does not: callers are not to blame for the contract. */
async function named(source: string): Promise<(state: JsonObject) => boolean> {
  const condition = await conditionOf(source);
  return (state) => condition(state).kind === 'holds';
}

function never(): boolean {
  return false;
}

function holds(condition: Condition, state: JsonObject): boolean {
  const verdict = condition(state);
  if (verdict.kind === 'fault')
    throw CallError.invalid([{ field: 'until', description: verdict.description }]);
  return verdict.kind === 'holds';
}

function noSuchState(name: StateName, states: StatesRule | undefined): CallError {
  const known = [...new Set([...Object.keys(states?.conditions ?? {}), 'gone'])].join(', ');
  const description = `Vultr shows no state of this thing that means ${name}. Use ${known}, or a CEL expression.`;
  return CallError.invalid([{ field: 'until', description }]);
}

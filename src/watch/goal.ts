import { STATE_NAMES, type StateName, type StatesRule } from '../contract/operation.ts';
import type { JsonObject } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import type { Condition } from './condition.ts';
import { withMembers } from './required-members.ts';

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
  const source = name === undefined ? until : states?.conditions[name];
  const isGone = name === 'gone';
  if (source === undefined) {
    if (name !== undefined && !isGone) throw noSuchState(name, states);
    return { isGone, judge: () => 'open' };
  }
  const condition = await conditionOf(source);
  // Callers are not to blame for a condition of the contract that cannot be evaluated.
  const isReached = name === undefined ? assertHolds : holds;
  const isUnreachable = await deadEnds(name, condition, states);
  return {
    isGone,
    judge: (state) =>
      isReached(condition, state) ? 'reached' : isUnreachable(state) ? 'unreachable' : 'open',
  };
}

/**
 * Finds the states from which a condition will not come to hold by itself. What the contract says of a thing that has failed is
 * that it does not become ready, and that the members by which it has failed keep their values. So a condition that needs other
 * values of them is out of reach; any other one may still come to hold.
 */
async function deadEnds(
  name: StateName | undefined,
  { required }: Condition,
  states: StatesRule | undefined,
): Promise<(state: JsonObject) => boolean> {
  const source = states?.conditions.failed;
  if (source === undefined || name === 'failed' || name === 'gone') return () => false;
  const { alternativesOf } = await import('./condition.ts');
  const failures = await Promise.all(alternativesOf(source).map(conditionOf));
  return (state) =>
    failures.some(
      (failed) => holds(failed, state) && (name === 'ready' || !holds(failed, withMembers(state, required))),
    );
}

function holds(condition: Condition, state: JsonObject): boolean {
  return condition.judge(state).kind === 'holds';
}

function assertHolds(condition: Condition, state: JsonObject): boolean {
  const verdict = condition.judge(state);
  if (verdict.kind === 'fault')
    throw CallError.invalid([{ field: 'until', description: verdict.description }]);
  return verdict.kind === 'holds';
}

function noSuchState(name: StateName, states: StatesRule | undefined): CallError {
  const known = [...new Set([...Object.keys(states?.conditions ?? {}), 'gone'])].join(', ');
  const description = `Vultr shows no state of this thing that means ${name}. Use ${known}, or a CEL expression.`;
  return CallError.invalid([{ field: 'until', description }]);
}

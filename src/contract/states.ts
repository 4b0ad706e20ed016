import { ContractError } from './contract-error.ts';
import type { Effect } from './effect.ts';

/** The named conditions of what an operation reads, as CEL expressions over the response. */
export interface StatesRule {
  /** By name; only those that Vultr shows. */
  readonly conditions: Readonly<Partial<Record<StateName, string>>>;
  /** Members whose difference alone is not a change, as paths. */
  readonly volatile: readonly (readonly string[])[];
}

/** The names of conditions. */
export const STATE_NAMES = ['ready', 'stopped', 'failed', 'gone'] as const;

/** The name of a condition, such as `ready`. */
export type StateName = (typeof STATE_NAMES)[number];

/** The option vultr.options.v1.states, as reflection hands it out. */
export interface StatesOption extends Readonly<Record<StateName, string>> {
  readonly volatile: readonly string[];
}

/**
 * Compiles the option vultr.options.v1.states. The expressions are compiled by whoever evaluates them.
 * @throws ContractError when an rpc that does not read has one
 */
export function compileStates(
  rpc: string,
  effect: Effect,
  option: StatesOption | undefined,
): StatesRule | undefined {
  if (option === undefined) return undefined;
  if (effect !== 'READ' && effect !== 'SECRET')
    throw new ContractError(`${rpc} has option (vultr.options.v1.states) and does not read.`);
  return {
    conditions: Object.fromEntries(
      STATE_NAMES.filter((name) => option[name] !== '').map((name) => [name, option[name]]),
    ),
    volatile: option.volatile.map((path) => path.split('.')),
  };
}

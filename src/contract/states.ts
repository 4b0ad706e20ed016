import { ContractError } from './contract-error.ts';
import { type Effect, STATE_NAMES, type StateName, type StatesRule } from './operation.ts';

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

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import type { JsonObject } from '../../src/payload/json.ts';
import { compileCondition } from '../../src/watch/condition.ts';
import cases from '../cases/states.json' with { type: 'json' };

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

/** The named conditions that the contract states, by rpc. */
const CONDITIONS = new Map(
  [...contract.operations.values()].flatMap(({ rpc, states }) =>
    states === undefined ? [] : [[rpc, new Map(Object.entries(states.conditions))] as const],
  ),
);

/** Those of an rpc that hold for a state. */
function holding(rpc: string, state: JsonObject): string[] {
  return [...(CONDITIONS.get(rpc) ?? [])]
    .filter(([, source]) => {
      const verdict = compileCondition(source, 'until').judge(state);
      // A wait for what cannot be evaluated would never end.
      if (verdict.kind === 'fault') throw new Error(`${rpc}: ${verdict.description}`);
      return verdict.kind === 'holds';
    })
    .map(([name]) => name);
}

describe('what a state of Vultr’s means', () => {
  test.each(cases)('$rpc: $what', ({ rpc, state, holds }) => {
    expect(holding(rpc, state)).toEqual(holds);
  });
});

describe('every named condition of the contract has a state in which it holds and one in which it does not', () => {
  test.each([...CONDITIONS])('%s', (rpc, conditions) => {
    const verdicts = cases.filter((one) => one.rpc === rpc).map(({ holds }) => new Set<string>(holds));
    for (const name of conditions.keys()) {
      const held = new Set(verdicts.map((holds) => holds.has(name)));
      expect([name, held]).toEqual([name, new Set([true, false])]);
    }
  });
});

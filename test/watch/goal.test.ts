import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import type { JsonObject } from '../../src/payload/json.ts';
import { compileGoal } from '../../src/watch/goal.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
const states = contract.operations.get('vultr.v2.InstancesService/GetInstance')?.states;

function instance(fields: object): JsonObject {
  const healthy = { status: 'active', power_status: 'running', server_status: 'ok', label: 'x', tags: [] };
  return { instance: { ...healthy, ...fields } };
}

const broken = instance({ server_status: 'error' });
const suspended = instance({ status: 'suspended' });

async function judge(until: string, state: JsonObject): Promise<string> {
  return (await compileGoal(until, states)).judge(state);
}

describe('of an instance whose server has an error', () => {
  test.each([
    ['ready', 'unreachable'],
    ['stopped', 'open'],
    ['failed', 'reached'],
    ['gone', 'open'],
    ['instance.server_status == "ok"', 'unreachable'],
    ['instance.status == "active" && instance.server_status == "ok"', 'unreachable'],
    ['"ok" == response.instance.server_status', 'unreachable'],
    ['instance.power_status == "stopped"', 'open'],
    ['instance.label == "y"', 'open'],
    ['instance.label == "y" || instance.server_status == "ok"', 'open'],
    ['instance.server_status != "error"', 'open'],
    ['size(instance.tags) > 0', 'open'],
    ['instance.status == "suspended"', 'open'],
  ])('the goal %s is %s', async (until, judgement) => {
    expect(await judge(until, broken)).toBe(judgement);
  });
});

describe('of an instance that is suspended', () => {
  test.each([
    ['ready', 'unreachable'],
    ['stopped', 'unreachable'],
    ['instance.status == "active" && size(instance.tags) > 0', 'unreachable'],
    ['instance.label == "y"', 'open'],
    ['instance.status == "closed"', 'open'],
    ['gone', 'open'],
  ])('the goal %s is %s', async (until, judgement) => {
    expect(await judge(until, suspended)).toBe(judgement);
  });
});

test('of two failures at once, one is enough', async () => {
  const both = instance({ status: 'suspended', server_status: 'error' });
  expect(await judge('instance.status == "active"', both)).toBe('unreachable');
  expect(await judge('instance.server_status == "ok"', both)).toBe('unreachable');
  expect(await judge('instance.power_status == "stopped"', both)).toBe('open');
});

test('nothing is out of reach where the contract knows no failure', async () => {
  const goal = await compileGoal('block.status == "active"', { conditions: {}, volatile: [] });
  expect(goal.judge({ block: { status: 'suspended' } })).toBe('open');
});

test('a member that is required is found in a response that does not have it yet', async () => {
  expect(await judge('instance.server_status == "ok" && instance.new.part == 1', broken)).toBe('unreachable');
});

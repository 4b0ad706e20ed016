import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/payload/json.ts';
import { compileCondition, type Verdict } from '../../src/watch/condition.ts';

/** A page of plans, as large as Vultr makes them. */
const PAGE: JsonObject = {
  plans: Array.from({ length: 500 }, (_, n) => ({
    id: `vc2-${n}c-1gb`,
    type: 'vc2',
    monthly_cost: n,
    description: 'x'.repeat(200),
    locations: ['ams', 'ewr'],
  })),
};

function judge(source: string, state: JsonObject = PAGE): Verdict {
  return compileCondition(source, 'until').judge(state);
}

function descriptionOf(verdict: Verdict): string | undefined {
  return verdict.kind === 'fault' ? verdict.description : verdict.kind;
}

const siblings = Array.from(
  { length: 20 },
  (_, n) => `plans.all(b${n}, a.id+b${n}.id+a.type+b${n}.type != "1")`,
).join(' && ');

describe('the work of an evaluation is bounded, and more is refused', () => {
  test.each([
    ['macros side by side', `plans.all(a, true && ${siblings})`],
    ['a macro in a macro without a body', 'plans.all(a, plans.all(b, true))'],
    ['joined lists', 'plans.map(a, plans.map(b, plans + plans + plans + plans)).size() > 0'],
    ['texts of some megabytes', multiplied('plans[0].description')],
    ['bytes of some megabytes', multiplied('bytes(plans[0].description)')],
    ['lists of some millions', multiplied('plans')],
    ['errors that are swallowed', `plans.all(a, plans.exists(b, b.x || b.y))`],
    ['comparisons of lists', 'plans.all(a, plans == plans)'],
    ['searches in lists', 'plans.all(a, !(1 in plans))'],
    ['searches in texts', 'plans.all(a, !(a.description + a.description).contains(a.description + "y"))'],
    ['regular expressions', 'plans.all(a, !a.description.matches("(x|y)*x(x|y){20}z$"))'],
    [
      'a large regular expression',
      '"x".matches("(((x{10}){10}){10}y)*.*.*.*.*.*.*.*.*.*.*") || plans.all(a, a.id.matches("(x|y){999}"))',
    ],
    ['time zones', 'plans.all(a, timestamp(0).getHours("Asia/Tokyo") == 9)'],
    ['a path of members in a macro', `plans.all(a, !has(a${'.x'.repeat(300)}))`],
  ])('%s', (_what, source) => {
    expect(descriptionOf(judge(source))).toMatch(/Takes more than 100000 steps .* Look at fewer elements/);
  });

  test('where && and || would swallow an error, too', () => {
    expect(descriptionOf(judge('plans.all(a, plans.all(b, true)) || true'))).toMatch('steps');
  });

  test('for each state anew: a small one is judged', () => {
    const condition = compileCondition('plans.all(a, plans.all(b, true))', 'until');
    expect(condition.judge({ plans: [1, 2] })).toEqual({ kind: 'holds' });
    expect(descriptionOf(condition.judge(PAGE))).toMatch('steps');
    expect(condition.judge({ plans: [1, 2, 3] })).toEqual({ kind: 'holds' });
  });
});

describe('a condition on a list of 500 is judged', () => {
  test.each([
    ['plans.all(a, a.monthly_cost >= 0 && a.type == "vc2" && size(a.locations) == 2)', 'holds'],
    ['plans.exists(a, a.id == "vc2-499c-1gb")', 'holds'],
    ['plans.exists_one(a, a.id.startsWith("vc2-499"))', 'holds'],
    ['plans.filter(a, "ams" in a.locations).size() == 500', 'holds'],
    ['plans.map(a, a.monthly_cost).filter(cost, cost > 400).size() == 99', 'holds'],
    ['plans.map(a, a.id) == plans.map(b, b.id)', 'holds'],
    ['(plans.map(a, a.id) + ["x"])[500] == "x"', 'holds'],
    ['plans.exists(a, a.id.contains("vhf"))', 'does-not-hold'],
  ])('%s', (source, kind) => {
    expect(judge(source)).toEqual({ kind });
  });
});

describe('metering leaves the meaning of CEL as it is', () => {
  const state: JsonObject = { thing: { list: [1, 2, 3], map: { a: 1 }, text: 'abc', none: null } };
  test.each([
    ['thing.list[1] == 2 && thing.map["a"] == 1 && [1, 2][0] == 1', 'holds'],
    ['thing.map.all(key, key == "a") && thing.list.exists(n, n > 2)', 'holds'],
    ['thing.list.map(n, n > 1, n * 2.0) == [4, 6]', 'holds'],
    ['thing.text.matches("^a.c$") && thing.text + "d" == "abcd" && b"a" + b"b" == b"ab"', 'holds'],
    ['has(thing.list) && !has(thing.other)', 'holds'],
    ['thing.none == null', 'holds'],
    ['1 + 1 == 2 && timestamp("2026-01-01T00:00:00Z").getFullYear() == 2026', 'holds'],
  ])('%s', (source, kind) => {
    expect(judge(source, state)).toEqual({ kind });
  });

  test.each([
    ['thing.none.all(n, true)', /Line 1/],
    ['thing.list[3] == 1', /Line 1, column 6: .*out of bounds/],
    ['nothing[0] == 1', /Line 1, column 1/],
    ['thing.text.matches("(")', /Line 1, column \d+/],
    ['thing.text.matches("\\\\pL")', /column \d+: .*only ASCII characters/],
  ])('%s cannot be evaluated', (source, description) => {
    expect(descriptionOf(judge(source, state))).toMatch(description);
  });
});

test('a condition whose parts are nested too deeply is refused', () => {
  for (const source of [`${'['.repeat(990)}${']'.repeat(990)} != []`, `1${'+1'.repeat(995)} > 0`])
    expect(outcomeOf(source)).toMatch(/nested so deeply|holds/);
  expect(outcomeOf(`${'('.repeat(995)}1${')'.repeat(995)} > 0`)).toMatch('nested so deeply');
});

test('a long text of the response is not quoted whole', () => {
  const verdict = judge('bool(text)', { text: 'x'.repeat(100_000) });
  expect(descriptionOf(verdict)?.length).toBeLessThan(500);
});

function outcomeOf(source: string): string | undefined {
  try {
    return descriptionOf(judge(source, {}));
  } catch (error) {
    return String(error);
  }
}

/** Makes something of 22 500 times the size of a value, in a macro inside another. */
function multiplied(value: string): string {
  const joined = (name: string): string => Array.from({ length: 150 }, () => name).join('+');
  return `[${value}].map(a, [${joined('a')}].map(b, ${joined('b')})).size() > 0`;
}

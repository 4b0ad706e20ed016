import type { FileRegistry } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseStrictJson } from '../../src/payload/strict-json.ts';
import { decodeJsonMessage } from '../../src/transcoding/decode-json.ts';
import { decodeQuery } from '../../src/transcoding/decode-query.ts';
import type { FieldValue } from '../../src/transcoding/message.ts';
import { Violations } from '../../src/transcoding/violations.ts';
import { compileAllTypes, plain, readCases, revive } from '../support/all-types.ts';

interface Expected {
  readonly message?: unknown;
  readonly violations?: unknown;
}

const jsonCases = readCases<({ type: string; json: string } & Expected)[]>('json-messages');
const queryCases = readCases<({ query: string; elsewhere?: string[] } & Expected)[]>('query');

let registry: FileRegistry;

beforeAll(async () => {
  registry = await compileAllTypes();
});

function typeOf(name: string) {
  const type = registry.getMessage(`t.${name}`);
  if (type === undefined) throw new Error(`the test has no message ${name}`);
  return type;
}

function expectCase(found: FieldValue, violations: Violations, expected: Expected): void {
  expect(violations.list).toEqual(expected.violations ?? []);
  if (expected.violations === undefined) expect(plain(found)).toEqual(plain(revive(expected.message)));
}

describe('a message from JSON', () => {
  test.each(jsonCases)('$type $json', ({ type, json, ...expected }) => {
    const violations = new Violations();
    expectCase(decodeJsonMessage(typeOf(type), parseStrictJson(json), '', violations), violations, expected);
  });

  test('nothing is taken from or left on a prototype', () => {
    const violations = new Violations();
    const json = parseStrictJson('{"__proto__": {"id": "x"}, "nested": {"__proto__": {"size": 1}}}');
    const message = decodeJsonMessage(typeOf('Open'), json, '', violations);
    expect(message['id']).toBeUndefined();
    expect(Object.getPrototypeOf(message)).toBeNull();
    expect(violations.list).toEqual([]);
  });

  test('the number of violations is bounded, and so is the text that each repeats', () => {
    const violations = new Violations();
    const json = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`${'x'.repeat(500)}${index}`, 1]),
    );
    decodeJsonMessage(typeOf('All'), json, '', violations);
    expect(violations.list).toHaveLength(50);
    expect(violations.list.every(({ field }) => field.length <= 101)).toBe(true);
  });
});

describe('a message from a query string', () => {
  test.each(queryCases)('$query', ({ query, elsewhere = [], ...expected }) => {
    const violations = new Violations();
    expectCase(decodeQuery(typeOf('All'), query, new Set(elsewhere), violations), violations, expected);
  });
});

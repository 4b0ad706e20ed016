import { describe, expect, test } from 'vitest';
import { stringifyJson } from '../../src/payload/json.ts';
import { JsonError, parseStrictJson } from '../../src/payload/strict-json.ts';
import cases from '../cases/json.json' with { type: 'json' };

function errorOf(text: string): JsonError {
  try {
    parseStrictJson(text);
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('strict JSON', () => {
  test.each(cases.valid)('%s reads as JSON.parse reads it', (text) => {
    expect(stringifyJson(parseStrictJson(text))).toBe(stringifyJson(JSON.parse(text)));
  });

  test.each(cases.exact)('$text is kept as it is written', ({ text, written }) => {
    expect(stringifyJson(parseStrictJson(text))).toBe(written);
  });

  test.each(cases.invalid)('$text is refused with its place', ({ text, line, column, offset, message }) => {
    const error = errorOf(text);
    expect(error).toMatchObject({ line, column, offset });
    expect(error.message).toContain(message);
  });

  test('an integer is a number where the double has its value, else a bigint', () => {
    expect(
      parseStrictJson('[9007199254740992, 9007199254740993, -9223372036854775808, 9223372036854775807, 1e3]'),
    ).toEqual([9007199254740992, 9007199254740993n, -(2 ** 63), 9223372036854775807n, 1000]);
  });

  test('objects have no prototype, so that __proto__ is a key like any other', () => {
    const value = parseStrictJson('{"__proto__": {"admin": true}, "constructor": 1}') as Record<
      string,
      unknown
    >;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('nesting is bounded at 100', () => {
    expect(() => parseStrictJson('['.repeat(100) + ']'.repeat(100))).not.toThrow();
    expect(errorOf('['.repeat(101) + ']'.repeat(101))).toMatchObject({ offset: 100 });
    expect(errorOf('{"a":'.repeat(1_000_000)).message).toContain('nested more than 100 deep');
  });

  test('the number of values is bounded at 10 000', () => {
    const list = (length: number): string => `[${Array(length).fill('0').join(',')}]`;
    expect(() => parseStrictJson(list(9_999))).not.toThrow();
    expect(errorOf(list(10_000)).message).toContain('there are more than 10000 values');
  });

  test('a raw control character and a half surrogate are refused, a whole pair is read', () => {
    expect(errorOf('"a\u0000b"')).toMatchObject({ offset: 2 });
    expect(errorOf('"\\ud83d"').message).toContain('half of a surrogate pair');
    expect(errorOf('"\\ude00"').message).toContain('half of a surrogate pair');
    expect(errorOf('"\\ud83d\\u0041"').message).toContain('half of a surrogate pair');
    expect(parseStrictJson('"\\ud83d\\ude00"')).toBe('😀');
  });

  test('a number of a million digits is refused before it is computed', () => {
    expect(errorOf('1'.repeat(1_000_000)).message).toContain('more than 400 characters');
  });
});

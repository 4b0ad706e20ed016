import { describe, expect, test } from 'vitest';
import { hasMoreValues } from '../../src/payload/count-values.ts';

const encode = (json: string): Uint8Array => new TextEncoder().encode(json);

describe('values are counted by what begins them', () => {
  test.each([
    ['a list of numbers', '[1,2,3]', 3],
    ['objects in a list', '[{"a":1},{"b":2}]', 4],
    ['commas and brackets in a string', '["a,b,[{", "c"]', 2],
    ['a quote and a backslash in a string', String.raw`["a\",\\", "b,"]`, 2],
    ['spaces', `[${' '.repeat(100)}1${' '.repeat(100)},2]`, 2],
    ['a string that never ends', '["a,b,c,d', 1],
    ['what is no JSON', '<title><,', 1],
  ])('%s', (_, json, count) => {
    expect(hasMoreValues(encode(json), count)).toBe(false);
    expect(hasMoreValues(encode(json), count - 1)).toBe(true);
  });
});

test('what is too short to have so many is not looked through', () => {
  expect(hasMoreValues(encode('[[[['), 3)).toBe(false);
});

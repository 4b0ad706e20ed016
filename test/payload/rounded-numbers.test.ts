import { describe, expect, it } from 'vitest';
import { parseJson, stringifyJson } from '../../src/payload/json.ts';
import { toExact } from '../../src/payload/rounded-numbers.ts';

/** What the service did before: a look at every value, which is slow and cannot miss any. */
function parseSlowly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, { source }) =>
    typeof value === 'number' && source !== undefined ? toExact(source) : value,
  );
}

const LONG = '12345678901234567891';

describe('numbers that JSON.parse rounds', () => {
  it.each([
    ['after a string that holds one', `{"a":"x, ${LONG}","b":${LONG}}`],
    ['in a string that ends in a backslash', String.raw`{"a":"\\","b":${LONG},"c":"\\\", ${LONG}"}`],
    ['in lists, in objects, after spaces', `[${LONG}, -${LONG},\n${LONG} ,{"a": ${LONG}}]`],
    [
      'beside those that are exact',
      `{"a":0.1234567890123456,"b":1e3,"c":1.00000000000000000001,"d":${LONG}}`,
    ],
    ['as the member __proto__', `{"__proto__":${LONG},"a":{"__proto__":{"b":${LONG}}}}`],
    ['twice under one key', `{"a":${LONG},"a":1,"b":2,"b":${LONG}}`],
    ['with an exponent beyond any double', '{"a":1e999,"b":-1E+400}'],
    ['in a text that looks like a number', `{"a":" 1.2.3.4.5.6.7.8.9.0.1","b":": ${LONG}e"}`],
  ])('are kept %s', (_where, text) => {
    expect(stringifyJson(parseJson(text))).toBe(stringifyJson(parseSlowly(text)));
  });

  it.each([`{"a":${LONG}`, `{"a":${LONG}x}`, `["${LONG}, ${LONG}]`, `{${LONG}:1}`, `[${LONG}${LONG}.]`])(
    'are refused in what is not JSON: %s',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );
});

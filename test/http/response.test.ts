import { expect, test } from 'vitest';
import { indentJson, takePretty } from '../../src/http/response.ts';

test.each([
  ['', false, ''],
  ['pretty', true, ''],
  ['pretty=', true, ''],
  ['pretty=true&a=1', true, 'a=1'],
  ['a=1&pretty=1&b=2', true, 'a=1&b=2'],
  ['a=pretty', false, 'a=pretty'],
  ['prettyness=1', false, 'prettyness=1'],
  ['pretty=false', false, 'pretty=false'],
])('the query %o', (query, isPretty, rest) => {
  expect(takePretty(query)).toEqual({ isPretty, query: rest });
});

test.each([
  '{}',
  '[]',
  '""',
  'null',
  '{"a":[],"b":{},"c":[1,{"d":"x, {y: [\\"\\\\"}],"e":true}',
  '[[],[[]],{"":""}]',
  ' { "a" : [ 1 , 2 ] } ',
  '{"ä":"\\u2028ü😀"}',
])('%s is indented as JSON.stringify does', (json) => {
  const expected = JSON.stringify(JSON.parse(json), undefined, 2);
  expect(Buffer.from(indentJson(Buffer.from(json))).toString()).toBe(
    `${expected}\n`.replaceAll('\u2028', '\\u2028'),
  );
});

test('no digit is lost, and no member that comes twice', () => {
  const json = '{"big":12345678901234567890.10,"e":1E+400,"a":1,"a":2}';
  const indented = Buffer.from(indentJson(Buffer.from(json))).toString();
  expect(indented.replace(/\s+/g, '')).toBe(json);
  expect(indented).toContain('"big": 12345678901234567890.10,\n');
});

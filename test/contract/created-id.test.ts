import { expect, test } from 'vitest';
import { createdId } from '../../src/contract/created-id.ts';
import { parseJson } from '../../src/payload/json.ts';

const RULE = {
  idPaths: [
    ['instance', 'id'],
    ['instances', '0', 'id'],
  ],
  tagFields: [],
  list: undefined,
  read: undefined,
};

test.each([
  ['{"instance":{"id":"a"}}', 'a'],
  ['{"instance":{"id":5}}', '5'],
  ['{"instance":{"id":12345678901234567890}}', '12345678901234567890'],
  ['{"instances":[{"id":"b"}]}', 'b'],
  ['{"instance":{"id":""},"instances":[{"id":"b"}]}', 'b'],
  ['{"instance":{}}', undefined],
  ['{"instance":null}', undefined],
  ['{"instance":{"id":{"toString":1}}}', undefined],
  ['{"instances":[]}', undefined],
  ['"text"', undefined],
])('the id in %s is %s', (response, id) => {
  expect(createdId(RULE, parseJson(response))).toBe(id);
});

test('a rule without paths, and no rule, name nothing', () => {
  expect(createdId({ ...RULE, idPaths: [] }, { instance: { id: 'a' } })).toBeUndefined();
  expect(createdId(undefined, { instance: { id: 'a' } })).toBeUndefined();
});

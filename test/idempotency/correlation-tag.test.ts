import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadContract } from '../../src/contract/load.ts';
import { addTag, carriesTag, chooseTagField, correlationTag } from '../../src/idempotency/correlation-tag.ts';

const TAGS = { name: 'tags', isList: true, filter: 'tag' };
const LABEL = { name: 'label', isList: false, filter: 'label' };

describe('the field that carries the tag', () => {
  test.each([
    ['a list that the caller has not set', {}, 'tags'],
    ["a list with the caller's elements", { tags: ['mine'] }, 'tags'],
    ['the next field, when the list is null', { tags: null }, 'label'],
    ['the next field, when the list is not one', { tags: 'mine' }, 'label'],
    ['none, when the caller uses both', { tags: 'mine', label: '' }, undefined],
  ])('is %s', (_what, body, expected) => {
    expect(chooseTagField([TAGS, LABEL], body)?.name).toBe(expected);
  });
});

test.each([
  ['beside the others', TAGS, { tags: ['mine'], plan: 'a' }, { tags: ['mine', 'T'], plan: 'a' }],
  ["beside Vultr's older form of one tag", TAGS, { tag: 'mine' }, { tag: 'mine', tags: ['mine', 'T'] }],
  ['alone', TAGS, { tag: '' }, { tag: '', tags: ['T'] }],
  ['as a text', LABEL, { plan: 'a' }, { plan: 'a', label: 'T' }],
])('a tag is added %s', (_what, field, body, expected) => {
  expect(addTag(body, field, 'T')).toEqual(expected);
});

test('a resource carries a tag as an element of the list, or as the whole text', () => {
  expect(carriesTag({ tags: ['mine', 'T'] }, TAGS, 'T')).toBe(true);
  expect(carriesTag({ tags: ['TT'] }, TAGS, 'T')).toBe(false);
  expect(carriesTag({ label: 'T' }, LABEL, 'T')).toBe(true);
  expect(carriesTag({ label: 'T and more' }, LABEL, 'T')).toBe(false);
  expect(carriesTag({}, LABEL, 'T')).toBe(false);
  expect(carriesTag(null, LABEL, 'T')).toBe(false);
});

test('the tag is short, the same for the same record, and different for another', () => {
  expect(correlationTag('one')).toMatch(/^vultr-grpc-[0-9a-f]{20}$/);
  expect(correlationTag('one')).toBe(correlationTag('one'));
  expect(correlationTag('one')).not.toBe(correlationTag('two'));
});

test('every creation of the contract that carries a tag has a list to find it in, with all that its path needs', () => {
  const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));
  const creations = [...contract.operations.values()].filter(({ create }) => create !== undefined);
  const tagged = creations.filter(({ create }) => create?.tagFields.length);
  expect(tagged.length).toBeGreaterThanOrEqual(20);
  for (const { name, create, bindings } of tagged) {
    const list = create?.list;
    const [listBinding] = list?.bindings ?? [];
    const own = bindings.flatMap((binding) =>
      binding.template.variables.map(({ fieldPath }) => fieldPath[0]),
    );
    const needed = listBinding?.template.variables.map(({ fieldPath }) => fieldPath[0]) ?? ['a list'];
    expect(own, name).toEqual(expect.arrayContaining(needed));
    // What was made is returned in the form of the creation's first path.
    expect(create?.idPaths.length, name).toBeGreaterThan(0);
  }
});

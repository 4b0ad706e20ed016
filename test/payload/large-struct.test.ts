import { fromBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { encodeStruct } from '../../src/payload/encode-struct.ts';

const text = (length: number): string => 'x'.repeat(length);

// The writer starts with 64 KB and grows in the middle of what it measures.
test.each([
  ['a text that does not fit by itself', { instance: { id: 'a', ram: 5, filler: text(200_000) } }],
  ['a text that just does not fit', { first: text(65_530), last: 'y' }],
  [
    'texts that fit one by one',
    { a: text(30_000), b: text(30_000), c: [1, 'é'.repeat(20_000), { d: null }] },
  ],
  ['more than one doubling', { list: Array.from({ length: 40 }, (_, index) => text(index * 997)) }],
  [
    'many small members',
    Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, index])),
  ],
])('%s is encoded as any protobuf library reads it', (_what, object) => {
  expect(toJson(StructSchema, fromBinary(StructSchema, encodeStruct(object)))).toEqual(object);
});

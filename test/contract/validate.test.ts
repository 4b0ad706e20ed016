import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { beforeAll, expect, test } from 'vitest';
import { compileValidator, validate } from '../../src/contract/validate.ts';
import type { FieldValue, Message } from '../../src/transcoding/message.ts';
import { compileProto } from '../support/compile-proto.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

let check: (message: Record<string, FieldValue>) => Record<string, string>;
beforeAll(async () => {
  const set = await compileProto(`
    syntax = "proto3";
    package test;
    import "google/api/field_behavior.proto";
    import "google/api/field_info.proto";
    message Order {
      string name = 1 [(google.api.field_behavior) = REQUIRED];
      optional string note = 2 [(google.api.field_behavior) = REQUIRED];
      repeated string tags = 3 [(google.api.field_behavior) = REQUIRED];
      Item first = 4 [(google.api.field_behavior) = REQUIRED];
      int32 count = 5 [(google.api.field_behavior) = REQUIRED];
      repeated Item more = 6;
      map<string, Item> by_name = 7;
    }
    message Item {
      string id = 1 [(google.api.field_behavior) = REQUIRED, (google.api.field_info).format = UUID4];
      repeated string ipv4 = 2 [(google.api.field_info).format = IPV4];
      string ipv6 = 3 [(google.api.field_info).format = IPV6];
      string any_ip = 4 [(google.api.field_info).format = IPV4_OR_IPV6];
      Item inner = 5;
    }
  `);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, set));
  const order = registry.getMessage('test.Order');
  if (order === undefined) throw new Error('test.Order was not compiled');
  compileValidator(order, registry);
  check = (message) =>
    Object.fromEntries(
      validate(order, message as Message).map(({ field, description }) => [field, description]),
    );
});

const FINE = { name: 'a', note: '', tags: ['a'], first: { id: ID }, count: 0 };

test('a message with everything in place has no violations', () => {
  expect(check(FINE)).toEqual({});
});

test('every missing field is reported at once', () => {
  const missing = 'This field is required.';
  expect(check({})).toEqual({ name: missing, note: missing, tags: missing, first: missing, count: missing });
});

test.each([
  ['an empty text without presence', { name: '' }, ['name']],
  ['an empty list', { tags: [] }, ['tags']],
  ['an empty message, by what it lacks', { first: {} }, ['first.id']],
  ['an id that is no UUID', { first: { id: 'abc' } }, ['first.id']],
  ['an id with a line break at its end', { first: { id: `${ID}\n` } }, ['first.id']],
  ['a path as an id', { first: { id: '../../v2/account' } }, ['first.id']],
  ['elements of a list', { more: [{ id: ID }, {}, { id: 'x' }] }, ['more[1].id', 'more[2].id']],
  ['values of a map', { by_name: { a: {}, b: { id: ID } } }, ['by_name[a].id']],
  ['messages within messages', { first: { id: ID, inner: { id: ID, inner: {} } } }, ['first.inner.inner.id']],
  [
    'elements with a format',
    { first: { id: ID, ipv4: ['1.2.3.4', '1.2.3', '01.2.3.4'] } },
    ['first.ipv4[1]', 'first.ipv4[2]'],
  ],
  [
    'the wrong kind of address',
    { first: { id: ID, ipv6: '1.2.3.4', any_ip: 'example.com' } },
    ['first.ipv6', 'first.any_ip'],
  ],
])('found: %s', (_what, members, fields) => {
  expect(Object.keys(check({ ...FINE, ...(members as Record<string, FieldValue>) }))).toEqual(fields);
});

test.each([ID, ID.toUpperCase(), '00000000-0000-0000-0000-000000000000'])('%s is a UUID', (id) => {
  expect(check({ ...FINE, first: { id } })).toEqual({});
});

test('a hostile number of faults makes no huge list', () => {
  const more = Array.from({ length: 100_000 }, () => ({}));
  expect(Object.keys(check({ ...FINE, more })).length).toBe(50);
});

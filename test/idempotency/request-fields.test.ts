import { describe, expect, test } from 'vitest';
import { decryptResponse, digestFields, encryptResponse, recordKey } from '../../src/idempotency/encrypt.ts';
import { differingFields } from '../../src/idempotency/record.ts';
import { readMembers, requestFields } from '../../src/idempotency/request-fields.ts';
import { readFields, writeFields } from '../../src/idempotency/store.ts';
import type { UpstreamOperation, UpstreamRequest } from '../../src/vultr/vultr.ts';

const OPERATION = { name: 'A/B' } as UpstreamOperation;

function fieldsOf(text: string, given: Partial<UpstreamRequest> = {}): Readonly<Record<string, string>> {
  const request = { method: 'POST', path: '/v2/x', query: '', body: Buffer.from(text), ...given };
  return digestFields('KEY', requestFields(OPERATION, request, readMembers(request)));
}

describe('two requests are the same', () => {
  test.each([
    ['in another order and with other spaces', '{"a":1,"b":{"c":2,"d":3}}', ' {"b": {"d":3, "c":2}, "a": 1}'],
    ['with other escapes', '{"a":"\\u0041"}', '{"a":"A"}'],
    ['with the same number written differently', '{"a":1.0}', '{"a":1}'],
  ])('%s', (_what, one, other) => {
    expect(differingFields(fieldsOf(one), fieldsOf(other))).toEqual([]);
  });
});

describe('two requests differ', () => {
  test.each([
    ['in a value', '{"a":1,"b":2}', '{"a":1,"b":3}', ['b']],
    ['in a type', '{"a":1}', '{"a":"1"}', ['a']],
    ['in a large number', '{"a":9007199254740993}', '{"a":9007199254740992}', ['a']],
    [
      'in a large number and its text',
      '{"a":9007199254740993}',
      '{"a":{"bigint":"9007199254740993"}}',
      ['a'],
    ],
    ['in the order of a list', '{"a":[1,2]}', '{"a":[2,1]}', ['a']],
    ['in what one does not say', '{"a":null}', '{}', ['a']],
    ['in a member named like the operation', '{"@operation":1}', '{"@operation":2}', ['@@operation']],
    ['in a member named __proto__', '{"__proto__":1}', '{"__proto__":2}', ['__proto__']],
  ])('%s', (_what, one, other, names) => {
    expect(differingFields(fieldsOf(one), fieldsOf(other))).toEqual(names);
  });

  test('in the path, the query, or a body that is not JSON', () => {
    const text = { contentType: 'text/plain' };
    expect(differingFields(fieldsOf('{}'), fieldsOf('{}', { path: '/v2/y' }))).toEqual(['@path']);
    expect(differingFields(fieldsOf('{}'), fieldsOf('{}', { query: 'a=b' }))).toEqual(['@query']);
    expect(differingFields(fieldsOf('x', text), fieldsOf('y', text))).toEqual(['@body']);
    expect(differingFields(fieldsOf('[1]'), fieldsOf('[2]'))).toEqual(['@body']);
  });
});

test.each([
  ['is cut off', Buffer.from('{"a":')],
  ['names a member twice', Buffer.from('{"a":1,"a":2}')],
  ['is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
])('a body that %s is refused', (_what, body) => {
  expect(() => readMembers({ method: 'POST', path: '/', query: '', body })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_JSON' }),
  );
});

test.each([
  ['1000 members', `{${Array.from({ length: 1_001 }, (_, n) => `"k${n}":1`).join()}}`],
  ['20000 values', `{"a":[${Array.from({ length: 20_001 }, () => '1').join()}]}`],
  ['1048576 bytes', `{"a":"${'x'.repeat(1024 * 1024)}"}`],
])('a body with more than %s is refused', (limit, text) => {
  expect(() => readMembers({ method: 'POST', path: '/', query: '', body: Buffer.from(text) })).toThrow(
    expect.objectContaining({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'REQUEST_TOO_LARGE',
      message: `The body of a creation with an idempotency key has more than ${limit}.`,
    }),
  );
});

test('digests are read back as they were written, whatever the order', () => {
  const fields = fieldsOf('{"b":1,"a":2,"__proto__":3}');
  expect(readFields(writeFields(fields))).toEqual(fields);
  expect(writeFields(fieldsOf('{"a":2,"__proto__":3,"b":1}'))).toBe(writeFields(fields));
});

test('a record reveals neither its key nor its fields without the credential', () => {
  expect(recordKey({ credential: 'KEY' }, 'id')).not.toBe(recordKey({ credential: 'OTHER' }, 'id'));
  expect(recordKey({ credential: 'KEY' }, 'id')).toBe(recordKey({ credential: 'KEY' }, 'id'));
  expect(digestFields('KEY', { password: 'x' })).not.toEqual(digestFields('OTHER', { password: 'x' }));
  expect(JSON.stringify(digestFields('KEY', { password: 'secret' }))).not.toContain('secret');
});

describe('an encrypted response', () => {
  const response = {
    status: 202,
    contentType: 'application/json',
    body: Buffer.from('{"instance":{"default_password":"secret"}}'),
    attempts: 3,
  };
  const encrypted = encryptResponse('KEY', 'record', response);

  test('can be decrypted with the credential', () => {
    expect(decryptResponse('KEY', 'record', encrypted)).toEqual({ ...response, attempts: 1 });
    expect(Buffer.from(encrypted).toString('latin1')).not.toContain('secret');
  });

  test.each([
    ['with another credential', () => decryptResponse('OTHER', 'record', encrypted)],
    ['under another key', () => decryptResponse('KEY', 'other', encrypted)],
    [
      'changed',
      () =>
        decryptResponse(
          'KEY',
          'record',
          encrypted.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
        ),
    ],
    ['cut off', () => decryptResponse('KEY', 'record', encrypted.subarray(0, 20))],
    ['empty', () => decryptResponse('KEY', 'record', new Uint8Array())],
  ])('cannot be read %s', (_what, read) => {
    expect(read).toThrow();
  });
});

test('callers that are known by name never share a record, and keep theirs when a key is rotated', () => {
  const keyOf = (name: string, credential: string) => recordKey({ caller: { name }, credential }, 'id');
  expect(keyOf('a', 'KEY')).not.toBe(keyOf('b', 'KEY'));
  expect(keyOf('a', 'KEY')).toBe(keyOf('a', 'ROTATED'));
  expect(keyOf('a', 'KEY')).not.toBe(recordKey({ credential: 'a' }, 'id'));
});

import { fromBinary, type JsonObject as PlainObject, toJson } from '@bufbuild/protobuf';

import { StructSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { decodeStruct } from '../../src/payload/decode-struct.ts';
import { encodeStruct } from '../../src/payload/encode-struct.ts';
import { stringifyJson } from '../../src/payload/json.ts';
import { Payload } from '../../src/payload/payload.ts';
import { WireReader } from '../../src/payload/wire-reader.ts';
import { createRandom, type Random } from '../support/random.ts';

function parse(text: string): Payload {
  return Payload.parse(Buffer.from(text));
}

/** What protobuf-es reads from the bytes of a Struct. */
function independently(bytes: Uint8Array): unknown {
  return toJson(StructSchema, fromBinary(StructSchema, bytes));
}

function nested(levels: number, open: string, close: string): string {
  return `{"a":${open.repeat(levels - 1)}1${close.repeat(levels - 1)}}`;
}

const WORDS = ['', 'id', 'ключ', '__proto__', 'toString', 'a.b', '\u0000', '💾', 'x'.repeat(200)] as const;
const NUMBERS = [0, 1, -1, 0.1, 1e21, 2 ** 60, -5e-324] as const;

function randomValue(random: Random, depth: number): PlainObject[string] {
  switch (random.below(depth > 4 ? 4 : 6)) {
    case 0:
      return null;
    case 1:
      return random.fraction() < 0.5;
    case 2:
      return random.pick(NUMBERS);
    case 3:
      return random.pick(WORDS);
    case 4:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth + 1));
    default:
      return randomObject(random, depth + 1);
  }
}

function randomObject(random: Random, depth: number): PlainObject {
  const entries = Array.from({ length: random.below(5) }, () => [
    random.pick(WORDS),
    randomValue(random, depth),
  ]);
  // protobuf-es leaves `__proto__` out of what it reads; that key has a test of its own.
  return Object.fromEntries(entries.filter(([key]) => key !== '__proto__'));
}

describe('the Struct of a response', () => {
  test.each(Array.from({ length: 100 }, (_, seed) => seed))(
    'is what another implementation reads, and reads back (seed %d)',
    (seed) => {
      const value = randomObject(createRandom(seed), 0);
      const text = stringifyJson(value);
      const bytes = parse(text).struct;
      expect(independently(bytes)).toEqual(value);
      expect(stringifyJson(decodeStruct(new WireReader(bytes, 100_000), bytes.length))).toBe(text);
    },
  );

  test('keeps __proto__ as a key like any other', () => {
    const bytes = parse('{"__proto__":{"polluted":true},"constructor":1}').struct;
    const object = decodeStruct(new WireReader(bytes, 100_000), bytes.length);
    expect(Object.entries(object).map(([key]) => key)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(object)).toBeNull();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test.each([
    ['arrays', nested(100, '[', ']'), nested(101, '[', ']')],
    ['objects', nested(100, '{"a":', '}'), nested(101, '{"a":', '}')],
  ])('carries %s of 100 levels and not of 101', (_kind, fine, deep) => {
    const bytes = parse(fine).struct;
    expect(JSON.stringify(decodeStruct(new WireReader(bytes, 100_000), bytes.length))).toBe(fine);
    expect(() => parse(deep).struct).toThrow(
      expect.objectContaining({ code: 'INTERNAL', reason: 'BAD_UPSTREAM_RESPONSE' }),
    );
  });

  test('has U+FFFD where the JSON escapes half of a surrogate pair', () => {
    expect(independently(parse('{"a\\ud800":"b\\udc00"}').struct)).toEqual({ 'a\ufffd': 'b\ufffd' });
  });

  test('is encoded once', () => {
    const payload = parse('{"a":1}');
    expect(payload.struct).toBe(payload.struct);
    expect(payload.json).toBe(payload.json);
  });

  test('of an empty object is no bytes', () => {
    expect(encodeStruct({})).toHaveLength(0);
  });
});

describe('a response of Vultr', () => {
  test.each([
    ['nothing', '', '{}', {}],
    ['a list', '[1,2]', '{"value":[1,2]}', { value: [1, 2] }],
    ['a text', '"x"', '{"value":"x"}', { value: 'x' }],
    ['null', 'null', '{"value":null}', { value: null }],
    ['a number with too many digits', '1e400', '{"value":1e400}', undefined],
    ['a key that comes twice', '{"a":1,"a":2}', '{"a":1,"a":2}', { a: 2 }],
    ['spaces', ' { "a" : 1 } ', ' { "a" : 1 } ', { a: 1 }],
  ])('that is %s', (_what, text, json, struct) => {
    const payload = parse(text);
    expect(Buffer.from(payload.json).toString()).toBe(json);
    if (struct !== undefined) expect(independently(payload.struct)).toEqual(struct);
  });

  test.each([
    ['not JSON', Buffer.from('secret')],
    ['cut off', Buffer.from('{"default_password":"secret')],
    ['two values', Buffer.from('{} {"default_password":"secret"}')],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a number that JSON does not have', Buffer.from('{"a":01}')],
    ['NaN', Buffer.from('{"a":NaN}')],
  ])('that is %s is refused without repeating it', (_what, body) => {
    let error: unknown;
    try {
      Payload.parse(body);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'BAD_UPSTREAM_RESPONSE' });
    expect(`${String(error)} ${String((error as Error).cause)}`).not.toContain('secret');
  });
});

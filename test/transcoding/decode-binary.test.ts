import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { decodeMessage } from '../../src/transcoding/decode-binary.ts';
import { decodeWritten, kinds, numberOf, SCALAR_TYPES, writeBlock } from '../support/kinds.ts';
import { createRandom } from '../support/random.ts';
import { randomMessage, toTree } from '../support/random-message.ts';

describe('messages of another implementation', () => {
  test.each(Array.from({ length: 200 }, (_, seed) => seed))('are read as it reads them (seed %d)', (seed) => {
    const bytes = toBinary(kinds, randomMessage(kinds, createRandom(seed)));
    expect(decodeMessage(kinds, bytes)).toEqual(toTree(kinds, fromBinary(kinds, bytes)));
  });

  test('cover every scalar type', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed += 1) {
      const bytes = toBinary(kinds, randomMessage(kinds, createRandom(seed)));
      for (const name of Object.keys(decodeMessage(kinds, bytes))) seen.add(name);
    }
    expect(kinds.fields.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
    expect(kinds.fields.length).toBeGreaterThan(SCALAR_TYPES.length * 4);
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'that were garbled or cut are read or refused, never worse (seed %d)',
    (seed) => {
      const random = createRandom(1_000 + seed);
      const whole = toBinary(kinds, randomMessage(kinds, random));
      for (let round = 0; round < 100; round += 1) {
        const bytes = whole.slice(0, random.fraction() < 0.3 ? random.below(whole.length) : whole.length);
        for (let flips = random.below(4); flips >= 0 && bytes.length > 0; flips -= 1) {
          bytes[random.below(bytes.length)] = random.below(256);
        }
        try {
          decodeMessage(kinds, bytes);
        } catch (error) {
          if (!(error instanceof CallError)) throw error;
          expect(error.code).toBe('INVALID_ARGUMENT');
        }
      }
    },
  );

  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'that are noise are read or refused, never worse (seed %d)',
    (seed) => {
      const random = createRandom(5_000 + seed);
      for (let round = 0; round < 100; round += 1) {
        const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
        try {
          decodeMessage(kinds, bytes);
        } catch (error) {
          if (!(error instanceof CallError)) throw error;
          expect(error.reason).toMatch(/^(MALFORMED_MESSAGE|INVALID_REQUEST)$/);
        }
      }
    },
  );
});

describe('presence', () => {
  test('a field that was not sent is not there, a zero that was sent is', () => {
    expect(decodeWritten(() => undefined)).toEqual({});
    const message = decodeWritten((writer) => {
      writer.tag(numberOf('int32_one'), WireType.Varint).int32(0);
      writer.tag(numberOf('string_maybe'), WireType.LengthDelimited).string('');
      writeBlock(writer, 'int32_many', () => undefined);
    });
    expect(message).toEqual({ int32_one: 0, string_maybe: '', int32_many: [] });
  });

  test('of a oneof the last member counts', () => {
    const message = decodeWritten((writer) => {
      writer.tag(numberOf('choice_text'), WireType.LengthDelimited).string('first');
      writer.tag(numberOf('choice_number'), WireType.Varint).int64(7n);
    });
    expect(message).toEqual({ choice_number: 7n });
  });

  test('an entry of a map may lack its key, its value or both', () => {
    const message = decodeWritten((writer) => {
      for (const name of ['bool_by_name', 'bytes_by_name', 'int64_by_name', 'double_by_name']) {
        writeBlock(writer, name, () => undefined);
      }
      for (const name of ['child_by_name', 'value_by_name', 'color_by_name', 'string_by_name']) {
        writeBlock(writer, name, () => undefined);
      }
      for (const name of ['by_bool', 'by_int32', 'by_uint64']) writeBlock(writer, name, () => undefined);
    });
    expect(message).toEqual({
      bool_by_name: { '': false },
      bytes_by_name: { '': new Uint8Array() },
      int64_by_name: { '': 0n },
      double_by_name: { '': 0 },
      child_by_name: { '': {} },
      value_by_name: { '': null },
      color_by_name: { '': 0 },
      string_by_name: { '': '' },
      by_bool: { false: '' },
      by_int32: { 0: '' },
      by_uint64: { 0: '' },
    });
  });
});

describe('merging', () => {
  test('the last of a singular field counts, lists grow, packed and unpacked in turn', () => {
    const message = decodeWritten((writer) => {
      writer.tag(numberOf('int32_one'), WireType.Varint).int32(1);
      writer.tag(numberOf('int32_one'), WireType.Varint).int32(2);
      writer.tag(numberOf('int32_many'), WireType.Varint).int32(1);
      writeBlock(writer, 'int32_many', () => writer.int32(2).int32(3));
      writeBlock(writer, 'int32_unpacked', () => writer.int32(4).int32(5));
      writer.tag(numberOf('int32_unpacked'), WireType.Varint).int32(6);
    });
    expect(message).toEqual({ int32_one: 2, int32_many: [1, 2, 3], int32_unpacked: [4, 5, 6] });
  });

  test('a message that comes twice is merged, its lists too', () => {
    const message = decodeWritten((writer) => {
      writeBlock(writer, 'child', () => {
        writer.tag(numberOf('int32_one'), WireType.Varint).int32(1);
        writer.tag(numberOf('int32_unpacked'), WireType.Varint).int32(1);
      });
      writeBlock(writer, 'child', () => {
        writer.tag(numberOf('string_one'), WireType.LengthDelimited).string('x');
        writer.tag(numberOf('int32_unpacked'), WireType.Varint).int32(2);
      });
    });
    expect(message).toEqual({ child: { int32_one: 1, string_one: 'x', int32_unpacked: [1, 2] } });
  });

  test('a Struct that comes twice is merged, and a list grows', () => {
    const entry = (writer: BinaryWriter, key: string): unknown => {
      writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(key);
      return writer.tag(2, WireType.LengthDelimited).fork().tag(4, WireType.Varint).bool(true).join().join();
    };
    const element = (writer: BinaryWriter, value: number): unknown =>
      writer.tag(1, WireType.LengthDelimited).fork().tag(2, WireType.Bit64).double(value).join();
    const message = decodeWritten((writer) => {
      writeBlock(writer, 'struct', () => entry(writer, 'a'));
      writeBlock(writer, 'struct', () => entry(writer, 'b'));
      writeBlock(writer, 'list', () => element(writer, 1));
      writeBlock(writer, 'list', () => element(writer, 2));
    });
    expect(message).toEqual({ struct: { a: true, b: true }, list: [1, 2] });
  });
});

test('unknown fields of every wire type are skipped, groups too', () => {
  const message = decodeWritten((writer) => {
    writer.tag(900, WireType.Varint).uint64(2n ** 64n - 1n);
    writer.tag(901, WireType.Bit32).fixed32(1);
    writer.tag(902, WireType.Bit64).fixed64(1n);
    writer.tag(903, WireType.LengthDelimited).string('x');
    writer.tag(904, WireType.StartGroup).tag(1, WireType.Varint).int32(1).tag(904, WireType.EndGroup);
    writer.tag(numberOf('int32_one'), WireType.Varint).int32(5);
  });
  expect(message).toEqual({ int32_one: 5 });
});

test('a key called __proto__ is a key like any other', () => {
  const message = decodeWritten((writer) => {
    writeBlock(writer, 'string_by_name', () => {
      writer.tag(1, WireType.LengthDelimited).string('__proto__');
      writer.tag(2, WireType.LengthDelimited).string('polluted');
    });
  });
  expect(Object.entries(message['string_by_name'] as object)).toEqual([['__proto__', 'polluted']]);
});

import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { decodeWritten, numberOf, writeBlock } from '../support/kinds.ts';

function refusal(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof CallError) return error.reason;
    throw error;
  }
  return 'accepted';
}

describe('a field with another wire type than declared is unknown, and so are the parts of a map entry', () => {
  const cases: [string, (writer: BinaryWriter) => unknown][] = [
    ['a string as a varint', (writer) => writer.tag(numberOf('string_one'), WireType.Varint).int32(1)],
    ['an integer as a block', (writer) => writeBlock(writer, 'int32_one', () => writer.int32(1))],
    ['an integer as 32 bits', (writer) => writer.tag(numberOf('int32_one'), WireType.Bit32).fixed32(1)],
    ['a double as a varint', (writer) => writer.tag(numberOf('double_one'), WireType.Varint).int32(1)],
    ['a message as a varint', (writer) => writer.tag(numberOf('child'), WireType.Varint).int32(1)],
    ['a Struct as 64 bits', (writer) => writer.tag(numberOf('struct'), WireType.Bit64).fixed64(1n)],
    [
      'a list of strings as varints',
      (writer) => writer.tag(numberOf('string_many'), WireType.Varint).int32(1),
    ],
    [
      'a list of integers as 64 bits',
      (writer) => writer.tag(numberOf('int32_many'), WireType.Bit64).fixed64(1n),
    ],
    ['a map as a varint', (writer) => writer.tag(numberOf('string_by_name'), WireType.Varint).int32(2)],
    [
      'a message as a group',
      (writer) =>
        writer
          .tag(numberOf('child'), WireType.StartGroup)
          .tag(numberOf('string_one'), WireType.LengthDelimited)
          .string('x')
          .tag(numberOf('child'), WireType.EndGroup),
    ],
  ];

  test.each(cases)('%s', (_what, write) => {
    const message = decodeWritten((writer) => {
      write(writer);
      writer.tag(numberOf('bool_one'), WireType.Varint).bool(true);
    });
    expect(message).toEqual({ bool_one: true });
  });

  test('such a member of a oneof does not displace the one that is set', () => {
    const message = decodeWritten((writer) => {
      writer.tag(numberOf('choice_text'), WireType.LengthDelimited).string('kept');
      writer.tag(numberOf('choice_number'), WireType.LengthDelimited).string('not a number');
    });
    expect(message).toEqual({ choice_text: 'kept' });
  });

  test('a key or a value of a map', () => {
    const message = decodeWritten((writer) => {
      writeBlock(writer, 'by_int32', () => {
        writer.tag(1, WireType.LengthDelimited).string('abc');
        writer.tag(2, WireType.LengthDelimited).string('value');
      });
      writeBlock(writer, 'string_by_name', () => {
        writer.tag(1, WireType.LengthDelimited).string('key');
        writer.tag(2, WireType.Varint).int32(5);
      });
    });
    expect(message).toEqual({ by_int32: { 0: 'value' }, string_by_name: { key: '' } });
  });

  test('a list of numbers may be packed or not, however it is declared', () => {
    const message = decodeWritten((writer) => {
      writeBlock(writer, 'bool_unpacked', () => writer.bool(true).bool(false));
      writer.tag(numberOf('bool_many'), WireType.Varint).bool(true);
    });
    expect(message).toEqual({ bool_unpacked: [true, false], bool_many: [true] });
  });
});

describe('a length or a tag of more than 32 bits is refused, not cut down to what fits', () => {
  /** Cut down to 32 bits it is 0. */
  const LENGTH = 2n ** 32n;
  const names = [
    'string_one',
    'bytes_one',
    'child',
    'int32_many',
    'string_by_name',
    'struct',
    'list',
    'value',
  ];

  test.each(names)('the length of %s', (name) => {
    const write = (writer: BinaryWriter) =>
      writer.tag(numberOf(name), WireType.LengthDelimited).uint64(LENGTH);
    expect(refusal(() => decodeWritten(write))).toBe('MALFORMED_MESSAGE');
  });

  test('the length of an unknown field, also within a group', () => {
    const unknown = (writer: BinaryWriter) => writer.tag(900, WireType.LengthDelimited).uint64(LENGTH);
    expect(refusal(() => decodeWritten(unknown))).toBe('MALFORMED_MESSAGE');
    const grouped = (writer: BinaryWriter) =>
      unknown(writer.tag(901, WireType.StartGroup)).tag(901, WireType.EndGroup);
    expect(refusal(() => decodeWritten(grouped))).toBe('MALFORMED_MESSAGE');
  });

  test('the length of a key, a text and a list inside a Struct', () => {
    const inStruct = (bytes: number[]) => (writer: BinaryWriter) =>
      writeBlock(writer, 'value', () => writer.raw(Uint8Array.from(bytes)).uint64(LENGTH));
    // A string_value, a struct_value and a list_value.
    for (const tag of [26, 42, 50])
      expect(refusal(() => decodeWritten(inStruct([tag])))).toBe('MALFORMED_MESSAGE');
  });

  test('a tag', () => {
    const tag = (BigInt(numberOf('bool_one')) << 3n) | (2n ** 35n);
    expect(refusal(() => decodeWritten((writer) => writer.uint64(tag).bool(true)))).toBe('MALFORMED_MESSAGE');
  });

  test('but a short one may be written with more bytes than it needs', () => {
    const message = decodeWritten((writer) =>
      writer
        .tag(numberOf('string_one'), WireType.LengthDelimited)
        .raw(Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x80, 0x00))
        .raw(Buffer.from('x')),
    );
    expect(message).toEqual({ string_one: 'x' });
  });
});

test('minus zero and numbers of unknown enum values survive', () => {
  const message = decodeWritten((writer) => {
    writer.tag(numberOf('double_one'), WireType.Bit64).double(-0);
    writer.tag(numberOf('float_one'), WireType.Bit32).float(-0);
    writer.tag(numberOf('color_one'), WireType.Varint).int32(77);
    writeBlock(writer, 'value', () => writer.tag(2, WireType.Bit64).double(-0));
  });
  expect(message).toEqual({ double_one: -0, float_one: -0, color_one: 77, value: -0 });
});

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import { decodeMessage } from '../../src/transcoding/decode-binary.ts';
import { decodeWritten, kinds, numberOf, writeBlock } from '../support/kinds.ts';

function refusal(work: () => unknown): CallError {
  try {
    work();
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('Structs in requests', () => {
  const nest = (levels: number) => (writer: BinaryWriter) =>
    writeBlock(writer, 'value', () => {
      for (let level = 0; level < levels; level += 1) {
        // A list_value with one element.
        writer.tag(6, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
      }
      for (let level = 0; level < levels * 2; level += 1) writer.join();
    });

  test('may have 100 levels', () => {
    expect(JSON.stringify(decodeWritten(nest(100)))).toBe(
      `{"value":${'['.repeat(100)}null${']'.repeat(100)}}`,
    );
  });

  test.each([101, 5_000])('may not have %d levels', (levels) => {
    expect(refusal(() => decodeWritten(nest(levels)))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      violations: [{ description: expect.stringContaining('100 levels') }],
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'may not hold %s, which JSON does not have',
    (number) => {
      const write = (writer: BinaryWriter) =>
        writeBlock(writer, 'value', () => writer.tag(2, WireType.Bit64).double(number));
      expect(refusal(() => decodeWritten(write))).toMatchObject({
        reason: 'INVALID_REQUEST',
        violations: [{ field: 'value', description: expect.stringContaining(String(number)) }],
      });
    },
  );
});

describe('bytes that are not a message are refused with a fixed text', () => {
  const cut = (name: string) => (writer: BinaryWriter) =>
    writer.tag(numberOf(name), WireType.LengthDelimited).uint32(10);
  const cases: [string, (writer: BinaryWriter) => unknown][] = [
    ['a cut tag', (writer) => writer.raw(Uint8Array.of(0x80))],
    ['a cut varint', (writer) => writer.tag(numberOf('int32_one'), WireType.Varint).raw(Uint8Array.of(0x80))],
    ['an endless varint', (writer) => writer.raw(new Uint8Array(20).fill(0xff))],
    ['a cut string', cut('string_one')],
    ['a cut message', cut('child')],
    ['a cut packed list', cut('int32_many')],
    ['a cut map entry', cut('string_by_name')],
    ['a cut Struct', cut('struct')],
    ['a cut unknown field', (writer) => writer.tag(900, WireType.LengthDelimited).uint32(10)],
    ['field number 0', (writer) => writer.raw(Uint8Array.of(0x00, 0x01))],
    ['wire type 7', (writer) => writer.raw(Uint8Array.of(0x0f))],
    ['a group without an end', (writer) => writer.tag(900, WireType.StartGroup)],
    ['an end without a group', (writer) => writer.tag(900, WireType.EndGroup)],
    ['groups 100 000 deep', (writer) => writer.raw(Buffer.from('a338'.repeat(100_000), 'hex'))],
    [
      'text that is not UTF-8',
      (writer) =>
        writer.tag(numberOf('string_one'), WireType.LengthDelimited).bytes(Uint8Array.of(0xff, 0xfe)),
    ],
    [
      'a map value that reaches past the end of its entry',
      (writer) => {
        writeBlock(writer, 'string_by_name', () => writer.tag(2, WireType.LengthDelimited).uint32(3));
        writer.raw(Buffer.from('abc'));
      },
    ],
    [
      'a packed number that reaches past the end of its list',
      (writer) =>
        writeBlock(writer, 'int32_many', () => writer.raw(Uint8Array.of(0x80))).raw(Uint8Array.of(0x01)),
    ],
    [
      'a field that reaches past the end of its message',
      (writer) =>
        writeBlock(writer, 'child', () =>
          writer.tag(numberOf('string_one'), WireType.LengthDelimited).uint32(3),
        ).raw(Buffer.from('abc')),
    ],
    [
      'a value that reaches past the end of its Struct',
      (writer) =>
        writeBlock(writer, 'struct', () => writer.tag(1, WireType.LengthDelimited).uint32(2)).raw(
          Buffer.from('0a00', 'hex'),
        ),
    ],
  ];

  test.each(cases)('%s', (_what, write) => {
    const error = refusal(() => decodeWritten(write));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' });
    expect(error.message).toBe('The request is not a valid test.Kinds message.');
  });

  test('messages nested 10 000 deep', () => {
    let inner: Uint8Array = new Uint8Array();
    for (let level = 0; level < 10_000 && inner.length < 60_000; level += 1) {
      inner = new BinaryWriter().tag(numberOf('child'), WireType.LengthDelimited).bytes(inner).finish();
    }
    expect(refusal(() => decodeMessage(kinds, inner)).reason).toBe('MALFORMED_MESSAGE');
  });
});

import { fromBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { type JsonValue, parseJson, stringifyJson } from '../../src/payload/json.ts';
import { Payload } from '../../src/payload/payload.ts';
import { CallError } from '../../src/status/call-error.ts';
import cases from '../cases/numbers.json' with { type: 'json' };

function kindOf(value: JsonValue): string {
  return typeof value === 'object' ? 'text' : typeof value;
}

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe.each(cases)('the number $text', ({ text, kind, exact, json = text }) => {
  test(`is read as a ${kind} and written as it was`, () => {
    const value = parseJson(text);
    expect(kindOf(value)).toBe(kind);
    expect(stringifyJson(value)).toBe(json);
  });

  test('keeps its bytes when Vultr sends it and a caller takes JSON', () => {
    const body = `{"bill":[{"amount":${text}}]}`;
    expect(Buffer.from(Payload.parse(Buffer.from(body)).json).toString()).toBe(body);
  });

  test(exact ? 'is the same double in a Struct' : 'is refused for a Struct rather than rounded', () => {
    const payload = Payload.parse(Buffer.from(`{"bill":[{"amount":${text}}]}`));
    if (exact) {
      const value = toJson(StructSchema, fromBinary(StructSchema, payload.struct));
      expect(value).toEqual({ bill: [{ amount: Number(text) }] });
      return;
    }
    const error = thrown(() => payload.struct);
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({
      code: 'INTERNAL',
      reason: 'NUMBER_NOT_REPRESENTABLE',
      metadata: { member: 'amount' },
    });
    expect(String(error)).toContain(text);
  });
});

test('an integer with more digits than any double has is refused for a Struct like any other', () => {
  const payload = Payload.parse(Buffer.from(`{"amount":${'9'.repeat(400)}}`));
  expect(thrown(() => payload.struct)).toMatchObject({ reason: 'NUMBER_NOT_REPRESENTABLE' });
});

test('doubles beyond 2^53 are written with all their digits', () => {
  expect(stringifyJson({ id: 2 ** 63, big: 1e21, small: 1e-7, bigint: 2n ** 64n })).toBe(
    '{"id":9223372036854775808,"big":1e+21,"small":1e-7,"bigint":18446744073709551616}',
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s is no JSON', (number) => {
  expect(() => stringifyJson({ number })).toThrow(TypeError);
});

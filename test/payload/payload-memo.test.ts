import { expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { derivedPayload, payloadOf } from '../../src/payload/payload-memo.ts';
import { CallError } from '../../src/status/call-error.ts';

test('a body is parsed and encoded once; equal bytes in another body are another payload', () => {
  const body = Buffer.from('{"a":1}');
  const payload = payloadOf(body);
  expect(payload.value).toEqual({ a: 1 });
  expect(payloadOf(body)).toBe(payload);
  expect(payloadOf(body).struct).toBe(payload.struct);
  expect(payload.json).toBe(body);
  expect(payloadOf(Buffer.from('{"a":1}'))).not.toBe(payload);
});

test('a body that is not JSON fails each time', () => {
  const body = Buffer.from('<html>');
  for (const _ of [1, 2]) expect(() => payloadOf(body)).toThrow(CallError);
});

test('a payload made of another is made once per maker, and again for another source', () => {
  let count = 0;
  const wrap = (source: Payload): Payload => {
    count += 1;
    return Payload.of({ wrapped: source.value });
  };
  const nest = (source: Payload): Payload => Payload.of({ nested: source.value });
  const source = Payload.of({ a: 1 });
  const wrapped = derivedPayload(source, wrap);
  expect(wrapped.value).toEqual({ wrapped: { a: 1 } });
  expect(derivedPayload(source, wrap)).toBe(wrapped);
  expect(count).toBe(1);
  expect(derivedPayload(source, nest).value).toEqual({ nested: { a: 1 } });
  expect(derivedPayload(Payload.of({ a: 1 }), wrap)).not.toBe(wrapped);
});

test('a maker that fails is asked again', () => {
  const source = Payload.of({});
  let count = 0;
  const fail = (): Payload => {
    count += 1;
    throw new Error('It failed.');
  };
  for (const _ of [1, 2]) expect(() => derivedPayload(source, fail)).toThrow('It failed.');
  expect(count).toBe(2);
});

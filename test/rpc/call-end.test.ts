import { expect, test } from 'vitest';
import { CallEnd, type Endable } from '../../src/rpc/call-end.ts';
import { CallError } from '../../src/status/call-error.ts';

const LEFT = new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.');
const LATER = new CallError('UNAVAILABLE', 'CONNECTION_TOO_OLD', 'The connection ends.');

function listener(): Endable & { readonly told: CallError[] } {
  const told: CallError[] = [];
  return { told, end: (reason) => told.push(reason) };
}

test('the call and the signal are told of the first reason, once', () => {
  const ending = new CallEnd();
  const call = listener();
  ending.add(call);
  const { signal } = ending;
  expect([call.told, signal.aborted]).toEqual([[], false]);
  ending.begin(LEFT);
  ending.begin(LATER);
  expect(call.told).toEqual([LEFT]);
  expect([signal.aborted, signal.reason]).toEqual([true, LEFT]);
});

test('who comes after the end is told at once', () => {
  const ending = new CallEnd();
  ending.begin(LEFT);
  const call = listener();
  ending.add(call);
  expect(call.told).toEqual([LEFT]);
  expect([ending.signal.aborted, ending.signal.reason]).toEqual([true, LEFT]);
});

test('a call that is over is not told', () => {
  const ending = new CallEnd();
  const call = listener();
  ending.add(call);
  ending.delete(call);
  ending.begin(LEFT);
  expect(call.told).toEqual([]);
});

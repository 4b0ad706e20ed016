import { describe, expect, test } from 'vitest';
import { createQueue } from '../../src/base/queue.ts';
import { ByteBound } from '../../src/grpc/byte-bound.ts';
import { FrameReader } from '../../src/grpc/frames.ts';

interface Holder {
  readonly name: string;
  readonly connection: object;
}

function bound(max: { perConnection: number; total: number }) {
  const gone: string[] = [];
  const made = new ByteBound<Holder>(max, ({ name }) => gone.push(name));
  return {
    gone,
    set: (call: Holder, bytes: number) => made.set(call, bytes),
    pin: (call: Holder) => made.pin(call),
    release: (call: Holder) => made.release(call),
    evict: () => made.evict(),
  };
}

describe('a bound of bytes', () => {
  const [one, other] = [{}, {}];
  const call = (name: string, connection: object): Holder => ({ name, connection });

  test('gives up the oldest call of a connection that holds too much', () => {
    const { set, gone } = bound({ perConnection: 10, total: 100 });
    const calls = ['a', 'b', 'c'].map((name) => call(name, one));
    for (const each of calls) set(each, 4);
    expect(gone).toEqual(['a']);
  });

  test('gives up calls of the connection that holds most when all hold too much', () => {
    const { set, gone } = bound({ perConnection: 100, total: 9 });
    set(call('small', other), 2);
    for (const name of ['a', 'b', 'c']) set(call(name, one), 4);
    expect(gone).toEqual(['a', 'b']);
  });

  test('gives up the newcomer when the others are being served', () => {
    const { set, pin, gone } = bound({ perConnection: 10, total: 100 });
    const served = call('served', one);
    set(served, 8);
    pin(served);
    set(call('newcomer', one), 4);
    expect(gone).toEqual(['newcomer']);
  });

  test('has room again once a call is over', () => {
    const { set, release, evict, gone } = bound({ perConnection: 10, total: 10 });
    const first = call('first', one);
    for (let round = 0; round < 3; round += 1) {
      set(first, 10);
      release(first);
    }
    expect(evict()).toBe(false);
    set(call('next', one), 10);
    expect(gone).toEqual([]);
  });
});

test('a reader of frames finds the flags however the bytes are cut', () => {
  const bytes = Buffer.from('0000000002ffff' + '0100000001ff' + '0000000000' + '0100000000', 'hex');
  for (let size = 1; size <= bytes.length; size += 1) {
    const reader = new FrameReader();
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    expect(
      [1, 2, 3, 4].map(() => reader.isNextCompressed()),
      `${size}`,
    ).toEqual([false, true, false, true]);
  }
});

test('a queue does so many things at a time, in order, and outlives failures', async () => {
  const enqueue = createQueue(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const work = gates.map(({ promise }, index) =>
    enqueue(async () => {
      begun.push(index);
      await promise;
    }),
  );
  expect(begun).toEqual([0, 1]);
  gates[0]?.reject(new Error('it fails'));
  await expect(work[0]).rejects.toThrow('it fails');
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  for (const { resolve } of gates.slice(1)) resolve();
  await Promise.all(work.slice(1));
  expect(begun).toEqual([0, 1, 2, 3]);
});

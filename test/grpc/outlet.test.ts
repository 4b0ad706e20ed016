import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULT_GRPC_LIMITS } from '../../src/grpc/limits.ts';
import type { Connection, OpenCall } from '../../src/grpc/open-call.ts';
import { Outlet } from '../../src/grpc/outlet.ts';

const HALF = DEFAULT_GRPC_LIMITS.maxReplyBytesPerConnection / 2;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A connection whose room for replies is used up by two of them, and a third one that waits. */
function full() {
  const socket = { bytesWritten: 0 };
  const connection = { socket } as unknown as Connection;
  const cut: string[] = [];
  const outlet = new Outlet(DEFAULT_GRPC_LIMITS, (_call, text) => cut.push(text));
  for (let count = 0; count < 3; count += 1) {
    // A stream of Node is closed some time after it is told to.
    const close = (): void => void Promise.resolve().then(() => outlet.closed(call));
    const call = { connection, stream: { close } } as unknown as OpenCall;
    outlet.send(call, HALF, () => undefined);
  }
  return { socket, cut };
}

test('a reply makes room for others when its connection takes nothing', async () => {
  const { cut } = full();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(cut).toEqual(['The caller left its reply unread, and others needed the room.']);
});

/** Lets so many seconds pass, in each of which the connection takes so many bytes. */
async function pass(seconds: number, socket: { bytesWritten: number }, bytes: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    socket.bytesWritten += bytes;
    await vi.advanceTimersByTimeAsync(1_000);
  }
}

test('a reply stays as long as its connection takes what lies unread, though many share it and none is done', async () => {
  const { socket, cut } = full();
  await pass(16, socket, HALF / 8);
  expect(cut).toEqual([]);
});

test('a reply that others of its connection have overtaken makes room', async () => {
  const { socket, cut } = full();
  await pass(8, socket, HALF / 2);
  expect(cut).toEqual([]);
  await pass(3, socket, HALF / 2);
  expect(cut).toEqual(['The caller left its reply unread, and others needed the room.']);
});

test('a reply on a connection that takes a few bytes a second makes room after a while', async () => {
  const { socket, cut } = full();
  await pass(8, socket, 1_000);
  expect(cut).toEqual([]);
  await pass(3, socket, 1_000);
  expect(cut).toHaveLength(1);
});

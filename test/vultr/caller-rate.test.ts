import { expect, test } from 'vitest';
import type { CallError } from '../../src/status/call-error.ts';
import { limitCallerRate } from '../../src/vultr/caller-rate.ts';
import type { VultrEvent } from '../../src/vultr/observe.ts';
import type { Send, VultrResponse } from '../../src/vultr/request.ts';
import { ManualClock } from '../support/clock.ts';
import { request } from '../support/vultr.ts';

const RESPONSE: VultrResponse = { status: 200, contentType: '', body: new Uint8Array(), attempts: 1 };

/** The stage in front of an upstream that responds at once, with the times at which requests reached it. */
function start(replicas = 1) {
  const clock = new ManualClock();
  const sentMs: { name: string; atMs: number }[] = [];
  const events: VultrEvent[] = [];
  const startedMs = clock.now();
  const next: Send = async ({ caller }) => {
    sentMs.push({ name: caller?.name ?? '', atMs: clock.now() - startedMs });
    return RESPONSE;
  };
  const send = limitCallerRate({ clock, replicas, observe: (event) => events.push(event) })(next);
  const ask = (name: string | undefined, ratePerSecond?: number, timeoutMs = 60_000, signal?: AbortSignal) =>
    send(request(name === undefined ? {} : { caller: { name, ratePerSecond } }), {
      signal: signal ?? new AbortController().signal,
      deadline: clock.now() + timeoutMs,
    });
  return { clock, sentMs, events, ask };
}

/** How many were sent in the fullest second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length));
}

test('a caller with a rate is held to it, and never gets more in a second than two seconds of it', async () => {
  const { clock, sentMs, ask } = start();
  const all = Array.from({ length: 50 }, () => ask('slow', 10));
  await clock.advance(10_000);
  await Promise.all(all);
  const times = sentMs.map(({ atMs }) => atMs);
  expect(times).toHaveLength(50);
  expect(Math.max(...times)).toBeGreaterThan(3_500);
  expect(Math.max(...times)).toBeLessThan(5_000);
  expect(mostInASecond(times)).toBeLessThanOrEqual(20);
});

test('a caller without a rate, and one that is not known by name, are not held up', async () => {
  const { sentMs, ask } = start();
  await Promise.all(Array.from({ length: 100 }, () => Promise.all([ask('free'), ask(undefined)])));
  expect(sentMs.every(({ atMs }) => atMs === 0)).toBe(true);
});

test('one caller at its rate does not hold up another', async () => {
  const { clock, sentMs, ask } = start();
  const noisy = Promise.allSettled(Array.from({ length: 100 }, () => ask('noisy', 1)));
  await ask('quiet', 1);
  expect(sentMs.find(({ name }) => name === 'quiet')?.atMs).toBe(0);
  await clock.advance(200_000);
  await noisy;
});

test('a request that could not be sent in time is refused at once, and takes no place', async () => {
  const { clock, sentMs, events, ask } = start();
  const first = [ask('a', 1), ask('a', 1)];
  const error = await ask('a', 1, 1_500).catch((thrown: CallError) => thrown);
  expect(error).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'RATE_LIMITED',
    reached: 'no',
    metadata: { refused: 'caller_rate' },
  });
  expect((error as CallError).retryDelayMs).toBeGreaterThan(0);
  expect(events).toEqual([
    { kind: 'refused', request: 'read', caller: expect.any(String), why: 'caller_rate' },
  ]);
  const next = ask('a', 1, 5_000);
  await clock.advance(5_000);
  await Promise.all([...first, next]);
  expect(sentMs).toHaveLength(3);
});

test('a caller that leaves while it waits is told so at once, and nothing is sent', async () => {
  const { clock, sentMs, ask } = start();
  await ask('a', 1);
  const controller = new AbortController();
  const work = ask('a', 1, 60_000, controller.signal).catch((thrown: CallError) => thrown);
  controller.abort();
  expect(await work).toMatchObject({ code: 'CANCELLED' });
  await clock.advance(10_000);
  expect(sentMs).toHaveLength(1);
});

test('each of several replicas grants its part of the rate', async () => {
  const { clock, sentMs, ask } = start(4);
  const all = Array.from({ length: 10 }, () => ask('a', 4));
  await clock.advance(20_000);
  await Promise.all(all);
  expect(Math.max(...sentMs.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(8_000);
});

test('no more than 500 requests of a caller wait', async () => {
  const { clock, events, ask } = start();
  const all = Promise.allSettled(Array.from({ length: 600 }, () => ask('a', 1, 3_600_000)));
  expect(events).toHaveLength(99);
  expect(events[0]).toMatchObject({ kind: 'refused', why: 'caller_full' });
  await clock.advance(600_000);
  expect((await all).filter(({ status }) => status === 'fulfilled')).toHaveLength(501);
});

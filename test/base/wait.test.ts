import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { spreadRetry } from '../../src/base/spread.ts';
import { nextEvent, pause } from '../../src/base/wait.ts';
import { untilAborted } from '../../src/status/abort.ts';
import { CallError } from '../../src/status/call-error.ts';
import { settle } from '../support/clock.ts';

const REASON = new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'Going down.');

test('a pause ends early, and without an error, when the signal aborts', async () => {
  const controller = new AbortController();
  const paused = pause(systemClock, 1_000_000, controller.signal);
  controller.abort();
  await paused;
  await pause(systemClock, 1_000_000, controller.signal);
});

test('a pause passes on what the clock fails with', async () => {
  const clock = { sleep: () => Promise.reject(new Error('no timers')) };
  await expect(pause(clock, 1, new AbortController().signal)).rejects.toThrow('no timers');
});

test.each(['the event', 'the abort'])(
  'waiting for an event ends with %s and leaves no listener',
  async (end) => {
    const emitter = new EventEmitter();
    const controller = new AbortController();
    let isOver = false;
    const waited = nextEvent(emitter, 'drain', controller.signal).then(() => {
      isOver = true;
    });
    await settle();
    expect(isOver).toBe(false);
    if (end === 'the event') emitter.emit('drain');
    else controller.abort();
    await waited;
    expect(emitter.listenerCount('drain')).toBe(0);
  },
);

test('waiting for an event is over when the signal has aborted', async () => {
  const emitter = new EventEmitter();
  await nextEvent(emitter, 'drain', AbortSignal.abort());
  expect(emitter.listenerCount('drain')).toBe(0);
});

test('work that is waited for ends with its value, its error, or the reason of the abort', async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
  await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const controller = new AbortController();
  let aborts = 0;
  const waited = untilAborted(new Promise(() => undefined), controller.signal, () => {
    aborts += 1;
  });
  controller.abort(REASON);
  await expect(waited).rejects.toBe(REASON);
  await expect(untilAborted(new Promise(() => undefined), AbortSignal.abort(REASON))).rejects.toBe(REASON);
  expect(aborts).toBe(1);
});

test('work that was done in the same moment wins', async () => {
  const controller = new AbortController();
  const work = Promise.withResolvers<string>();
  const waited = untilAborted(work.promise, controller.signal);
  work.resolve('done');
  controller.abort(REASON);
  expect(await waited).toBe('done');
});

test.each([
  [40, 0, 40],
  [40, 0.5, 540],
  [4_000, 0.5, 6_000],
])('a retry in %i ms is spread to itself and beyond', (retryMs, draw, expected) => {
  expect(spreadRetry(retryMs, () => draw)).toBe(expected);
});

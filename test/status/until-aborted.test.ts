import { expect, test, vi } from 'vitest';
import { untilAborted } from '../../src/status/abort.ts';

test('work that is done before the signal aborts counts, though both happen at the same moment', async () => {
  const controller = new AbortController();
  const work = Promise.withResolvers<string>();
  const waiting = untilAborted(work.promise, controller.signal);
  work.resolve('granted');
  controller.abort();
  expect(await waiting).toBe('granted');
});

test('an abort is heard at once, however long the work goes on', async () => {
  const controller = new AbortController();
  const onAbort = vi.fn();
  const waiting = untilAborted(new Promise(() => undefined), controller.signal, onAbort);
  controller.abort();
  expect(onAbort).toHaveBeenCalledTimes(1);
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
});

test.each([
  ['done', async () => 'x'],
  ['failed', () => Promise.reject(new Error('x'))],
])('no listener is left once the work has %s', async (_, work) => {
  const { signal } = new AbortController();
  const add = vi.spyOn(signal, 'addEventListener');
  const remove = vi.spyOn(signal, 'removeEventListener');
  await untilAborted<string>(work(), signal).catch(() => undefined);
  expect(add).toHaveBeenCalledTimes(1);
  expect(remove.mock.calls[0]?.slice(0, 2)).toEqual(add.mock.calls[0]?.slice(0, 2));
});

import { describe, expect, test, vi } from 'vitest';
import {
  answering,
  type CountingUpstream,
  countingAnswer,
  cutOff,
  failing,
  listRequest,
  startFilled,
  textOf,
} from '../support/cache.ts';
import { failure } from '../support/vultr.ts';

const FRESH = 5 * 60_000;
const DAY = 24 * 60 * 60_000;

describe('a list that is no longer fresh', () => {
  test('is so after exactly five minutes', async () => {
    const { ask, clock } = await startFilled();
    clock.shift(FRESH - 1);
    expect((await ask()).cache).toEqual({ state: 'hit', ageMs: FRESH - 1, freshMs: FRESH });
    clock.shift(1);
    expect((await ask()).cache).toEqual({ state: 'stale', ageMs: FRESH, freshMs: FRESH });
  });

  test('is given to everybody at once while exactly one refresh runs', async () => {
    const { ask, clock, upstream } = await startFilled();
    const release = upstream.hold();
    clock.shift(FRESH);
    const responses = await Promise.all(Array.from({ length: 1_000 }, () => ask()));
    expect(new Set(responses.map(({ cache }) => cache?.state))).toEqual(new Set(['stale']));
    expect(new Set(responses.map(textOf))).toEqual(new Set(['{"count":1}']));
    await upstream.reached(2);
    clock.shift(1_000);
    release();
    await vi.waitFor(async () => expect((await ask()).cache?.state).toBe('hit'));
    expect(textOf(await ask())).toBe('{"count":2}');
    expect((await ask()).cache?.ageMs).toBe(0);
    expect(upstream.asked).toHaveLength(2);
  });

  test('is refreshed although the caller who met it has left', async () => {
    const { send, context, ask, clock, upstream } = await startFilled();
    const release = upstream.hold();
    const controller = new AbortController();
    clock.shift(FRESH);
    await send(listRequest(), context(10_000, controller.signal));
    controller.abort();
    await upstream.reached(2);
    release();
    await vi.waitFor(async () => expect(textOf(await ask())).toBe('{"count":2}'));
  });

  test('counts as such when the clock was put back, as its age is not known', async () => {
    const { ask, clock } = await startFilled();
    clock.shift(-DAY);
    expect((await ask()).cache).toEqual({ state: 'stale', ageMs: 0, freshMs: FRESH });
    await vi.waitFor(async () => expect((await ask()).cache?.state).toBe('hit'));
  });
});

describe('while Vultr does not respond', () => {
  const faults: [string, (upstream: CountingUpstream) => unknown, string][] = [
    ['refuses connections', (upstream) => upstream.stop(), 'UNAVAILABLE'],
    ['says 503', (upstream) => upstream.answerWith(failing(503)), 'UNAVAILABLE'],
    ['says 500', (upstream) => upstream.answerWith(failing(500)), 'INTERNAL'],
    ['says 429', (upstream) => upstream.answerWith(failing(429)), 'RESOURCE_EXHAUSTED'],
    ['resets', (upstream) => upstream.answerWith(({ socket }) => socket.resetAndDestroy()), 'UNAVAILABLE'],
    ['cuts off', (upstream) => upstream.answerWith(cutOff), 'INTERNAL'],
    ['hangs', (upstream) => upstream.hold(), 'DEADLINE_EXCEEDED'],
    ['sends a page', (upstream) => upstream.answerWith(answering(200, '<html>')), 'INTERNAL'],
    ['sends nothing', (upstream) => upstream.answerWith(answering(200, '')), 'INTERNAL'],
  ];

  test.each(faults)('but %s, the kept list is given for a day', async (_, fail, code) => {
    const refreshTimeoutMs = code === 'DEADLINE_EXCEEDED' ? 50 : 30_000;
    const { ask, clock, upstream, failures } = await startFilled({ cache: { refreshTimeoutMs } });
    await fail(upstream);
    clock.shift(FRESH);
    expect((await ask()).cache).toEqual({ state: 'stale', ageMs: FRESH, freshMs: FRESH });
    await vi.waitFor(() => expect(failures.map((error) => error.code)).toEqual([code]));
    clock.shift(DAY - FRESH - 1);
    const last = await ask();
    expect(last.cache).toEqual({ state: 'stale', ageMs: DAY - 1, freshMs: FRESH });
    expect(textOf(last)).toBe('{"count":1}');
    await vi.waitFor(() => expect(failures).toHaveLength(2));
  });

  test.each(faults.slice(0, 6))('but %s, it fails after that day', async (_, fail, code) => {
    const { ask, clock, upstream } = await startFilled();
    await fail(upstream);
    clock.shift(DAY);
    expect((await failure(ask())).code).toBe(code);
  });

  test('a refresh that many callers met is reported once', async () => {
    const { ask, clock, upstream, failures } = await startFilled();
    const release = upstream.hold(failing(503));
    clock.shift(FRESH);
    await Promise.all(Array.from({ length: 100 }, () => ask()));
    await upstream.reached(2);
    release();
    await vi.waitFor(() => expect(failures).toHaveLength(1));
    await failure(ask({ path: '/v2/os' }));
    expect(failures).toHaveLength(1);
  });

  test('a refresh is tried again only after a pause, and one that succeeds ends it', async () => {
    const { ask, clock, upstream, failures } = await startFilled({ cache: { refreshPauseMs: 2_000 } });
    upstream.answerWith(failing(503));
    clock.shift(FRESH);
    await ask();
    await vi.waitFor(() => expect(failures).toHaveLength(1));
    clock.shift(1_999);
    for (let count = 0; count < 10; count += 1) {
      expect((await ask()).cache?.state).toBe('stale');
      // A way to the upstream and back: a refresh that was begun would have come there, too.
      await failure(ask({ path: '/v2/os' }));
    }
    const refreshes = () => upstream.asked.slice(1).filter((asked) => asked === 'GET /v2/regions');
    expect(refreshes()).toHaveLength(1);
    upstream.answerWith(countingAnswer());
    clock.shift(1);
    expect((await ask()).cache?.state).toBe('stale');
    await vi.waitFor(async () => expect((await ask()).cache?.state).toBe('hit'));
    expect(refreshes()).toHaveLength(2);
    expect(failures).toHaveLength(1);
  });
});

test.each([
  [404, 'NOT_FOUND'],
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [405, 'UNIMPLEMENTED'],
])('a refresh that fails with %i drops the kept list', async (status, code) => {
  const { ask, clock, upstream, failures } = await startFilled();
  upstream.answerWith(failing(status));
  clock.shift(FRESH);
  expect((await ask()).cache?.state).toBe('stale');
  await vi.waitFor(() => expect(failures.map((error) => error.code)).toEqual([code]));
  expect((await failure(ask())).code).toBe(code);
});

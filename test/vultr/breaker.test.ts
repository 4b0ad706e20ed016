import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { VultrEvent } from '../../src/vultr/observe.ts';
import type { StageOptions } from '../../src/vultr/stages.ts';
import { context, failure, request, startClient, startHttp, startTcp } from '../support/vultr.ts';

const CHANGE = request({ method: 'PATCH', kind: 'change' });
const BREAKER = { failures: 3, openMs: 1_000, maxOpenMs: 4_000, slowMs: 50 };

/** An upstream whose response is set by the test, and a client with a breaker on a clock that is moved by hand. */
async function setUp(options: Partial<StageOptions> = {}) {
  const upstream = { status: 200, body: '{}', hangs: false, asked: 0 };
  const server = await startHttp((_, response) => {
    upstream.asked += 1;
    if (!upstream.hangs) response.writeHead(upstream.status).end(upstream.body);
  });
  const events: VultrEvent[] = [];
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  const client = startClient(server.url, {
    breaker: BREAKER,
    clock,
    observe: (event) => events.push(event),
    ...options,
  });
  const soon = (timeoutMs = 10_000, signal?: AbortSignal) => ({
    ...context(timeoutMs, signal),
    deadline: clock.now() + timeoutMs,
  });
  const break_ = async (asked = request()): Promise<void> => {
    upstream.status = 503;
    for (let count = 0; count < BREAKER.failures; count++) await failure(client.send(asked, soon()));
    upstream.status = 200;
  };
  const advance = (ms: number): void => {
    aheadMs += ms;
  };
  return { upstream, server, client, events, soon, advance, break: break_ };
}

const OPEN = { code: 'UNAVAILABLE', reason: 'BREAKER_OPEN', reached: 'no', vultr: undefined };

describe('an open breaker', () => {
  test('refuses at once, sends nothing and says when to ask again', async () => {
    const { upstream, client, soon, break: trip } = await setUp();
    await trip();
    const error = await failure(client.send(request(), soon()));
    expect(error).toMatchObject(OPEN);
    // What is left of the second that it is open for, and as much again so that not all come back together.
    expect(error.retryDelayMs).toBeGreaterThan(0);
    expect(error.retryDelayMs).toBeLessThanOrEqual(2_000);
    expect(upstream.asked).toBe(3);
    expect(client.state().breaker).toEqual({ changes: 'closed', reads: 'open' });
  });

  test('tells those whom it refuses together different times, none of them too early', async () => {
    const draws = [0.9, 0.4, 0.1, 0.7, 0];
    const { client, soon, break: trip } = await setUp({ random: () => draws.pop() ?? 0 });
    await trip();
    draws.push(0.9, 0.4, 0.1);
    const delays: number[] = [];
    for (let count = 0; count < 3; count++) {
      delays.push((await failure(client.send(request(), soon()))).retryDelayMs ?? 0);
    }
    // The circuit is open for a second, of which these calls take next to nothing.
    for (const [index, extraMs] of [100, 400, 900].entries()) {
      expect(delays[index]).toBeGreaterThan(extraMs + 500);
      expect(delays[index]).toBeLessThanOrEqual(extraMs + 1_000);
    }
  });

  test('of reads refuses polls, and lets changes through; and the other way round', async () => {
    const reads = await setUp();
    await reads.break();
    expect(await reads.client.send(CHANGE, reads.soon())).toMatchObject({ status: 200 });
    expect(await failure(reads.client.send(request({ kind: 'poll' }), reads.soon()))).toMatchObject(OPEN);
    const changes = await setUp();
    await changes.break(CHANGE);
    expect(await changes.client.send(request(), changes.soon())).toMatchObject({ status: 200 });
    expect(await failure(changes.client.send(CHANGE, changes.soon()))).toMatchObject(OPEN);
  });

  test('lets one request probe when its time is over, and closes when Vultr responds', async () => {
    const { upstream, client, events, soon, advance, break: trip } = await setUp();
    await trip();
    advance(1_001);
    upstream.hangs = true;
    const controller = new AbortController();
    const probe = failure(client.send(request(), soon(10_000, controller.signal)));
    expect(await failure(client.send(request(), soon()))).toMatchObject(OPEN);
    controller.abort();
    await probe;
    upstream.hangs = false;
    // The caller was answered at once; the connection takes a moment to go.
    await vi.waitFor(async () => expect(await client.send(request(), soon())).toMatchObject({ status: 200 }));
    expect(await client.send(request(), soon())).toMatchObject({ status: 200 });
    expect(events.flatMap((event) => (event.kind === 'breaker' ? [event.state] : []))).toEqual([
      'open',
      'half_open',
      'closed',
    ]);
  });

  test('refuses, as it opens, the requests that still wait for their permits', async () => {
    const { upstream, client, soon } = await setUp({ budget: { ratePerSecond: 10 } });
    upstream.status = 503;
    const calls = Array.from({ length: 20 }, () => failure(client.send(request(), soon())));
    const reasons = (await Promise.all(calls)).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'VULTR_UNAVAILABLE')).toHaveLength(3);
    expect(reasons.filter((reason) => reason === 'BREAKER_OPEN')).toHaveLength(17);
    expect(upstream.asked).toBe(3);
  });

  test('does not hide the failure of the call that opened it', async () => {
    const { upstream, client, soon } = await setUp({ retry: { maxAttempts: 9, baseDelayMs: 0 } });
    upstream.status = 503;
    expect(await failure(client.send(request(), soon()))).toMatchObject({
      reason: 'VULTR_UNAVAILABLE',
      vultr: { status: 503 },
    });
    expect(upstream.asked).toBe(3);
  });
});

describe('a breaker is tripped', () => {
  test.each([502, 503, 504])('by %i', async (status) => {
    const { upstream, client, soon } = await setUp();
    upstream.status = status;
    for (let count = 0; count < 3; count++) await failure(client.send(request(), soon()));
    expect(client.state().breaker?.reads).toBe('open');
  });

  test('by connections that are refused', async () => {
    const gone = await startTcp(() => undefined);
    await gone.close();
    const client = startClient(gone.url, { breaker: BREAKER });
    for (let count = 0; count < 3; count++) await failure(client.send(request(), context()));
    expect(await failure(client.send(request(), context()))).toMatchObject(OPEN);
  });

  test('by connections that are lost', async () => {
    const lost = await startTcp((socket) => socket.once('data', () => socket.destroy()));
    const client = startClient(lost.url, { breaker: BREAKER });
    for (let count = 0; count < 3; count++) await failure(client.send(request(), context()));
    expect(client.state().breaker?.reads).toBe('open');
  });

  test('by responses that do not come within the deadline, if that was long enough', async () => {
    const { upstream, client, soon } = await setUp();
    upstream.hangs = true;
    for (let count = 0; count < 3; count++) await failure(client.send(request(), soon(80)));
    await delay(1);
    expect(client.state().breaker?.reads).toBe('open');
  });
});

describe('a breaker is not tripped', () => {
  test.each([
    [400, '{}'],
    [401, '{}'],
    [404, '{}'],
    [429, '{}'],
    [500, '{}'],
    [500, '{"error":"Server is currently locked","status":500}'],
    [503, '{"error":"Server is currently locked","status":503}'],
  ])('by %i %s', async (status, body) => {
    const { upstream, client, soon } = await setUp();
    Object.assign(upstream, { status, body });
    for (let count = 0; count < 6; count++) await failure(client.send(request(), soon()));
    expect(upstream.asked).toBe(6);
    expect(client.state().breaker?.reads).toBe('closed');
  });

  test('by callers who leave, or whose deadline was short', async () => {
    const { upstream, client, soon } = await setUp();
    upstream.hangs = true;
    for (let count = 0; count < 6; count++) {
      await failure(client.send(request(), soon(5)));
      const controller = new AbortController();
      const leaving = failure(client.send(request(), soon(10_000, controller.signal)));
      await delay(2);
      controller.abort();
      await leaving;
    }
    expect(client.state().breaker?.reads).toBe('closed');
  });

  test('by a budget that refuses', async () => {
    const { client, soon } = await setUp({ budget: { ratePerSecond: 1, maxWaiting: 1 } });
    const calls = Array.from({ length: 20 }, () => client.send(request(), soon(500)));
    await Promise.allSettled(calls);
    expect(client.state().breaker?.reads).toBe('closed');
  });
});

test('the policy of a breaker must be usable', () => {
  expect(() => startClient('http://127.0.0.1:1', { breaker: { failures: 0 } })).toThrow(
    'breaker.failures is 0',
  );
});

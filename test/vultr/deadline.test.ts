import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { CallError } from '../../src/status/call-error.ts';
import { enforceDeadline } from '../../src/vultr/deadline.ts';
import type { Send } from '../../src/vultr/request.ts';
import { closed, context, failure, request, startClient, startHttp, startTcp } from '../support/vultr.ts';

const ANSWER = { status: 200, contentType: '', body: new Uint8Array(), attempts: 1 };
const never: Send = () => new Promise(() => undefined);

describe('the deadline', () => {
  test('ends a request that hangs, and closes its connection', async () => {
    const upstream = await startTcp(() => undefined);
    const error = await failure(startClient(upstream.url).send(request(), context(1_000)));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' });
    expect(error.message).toBe('The deadline of the call passed before Vultr answered.');
    await closed(upstream.connections[0]);
  });

  test('ends a response that trickles', async () => {
    const upstream = await startHttp((_, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      const timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    });
    const error = await failure(startClient(upstream.url).send(request(), context(1_000)));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    await closed(upstream.connections[0]);
  });

  test('is one for all attempts together', async () => {
    let count = 0;
    const upstream = await startHttp((_, response) => {
      if (++count === 1) response.writeHead(503).end();
    });
    const client = startClient(upstream.url, { retry: { maxAttempts: 3, baseDelayMs: 0 } });
    expect((await failure(client.send(request(), context(1_000)))).code).toBe('DEADLINE_EXCEEDED');
    expect(count).toBe(2);
  });

  test('sends nothing when it has passed already, and says so plainly', async () => {
    const upstream = await startHttp((_, response) => response.end('{}'));
    const error = await failure(startClient(upstream.url).send(request({ kind: 'change' }), context(-1)));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(error.message).not.toContain('look before');
    expect(upstream.connections).toHaveLength(0);
  });

  test('says of a change that was sent that it may have been carried out', async () => {
    const sent: Send = (asked, given) => {
      given.onSend?.();
      return never(asked, given);
    };
    const error = await failure(enforceDeadline(systemClock)(sent)(request({ kind: 'change' }), context(10)));
    expect(error.message).toContain('check before you repeat it');
    expect(error.reached).toBe('maybe');
  });

  test('says of a change that was still waiting that nothing was sent', async () => {
    const error = await failure(
      enforceDeadline(systemClock)(never)(request({ kind: 'change' }), context(10)),
    );
    expect(error.message).toContain('Nothing was sent.');
    expect(error.reached).toBe('no');
  });

  test('knows of a change that hangs on its connection that it may have been carried out', async () => {
    const upstream = await startTcp(() => undefined);
    const error = await failure(startClient(upstream.url).send(request({ kind: 'change' }), context(1_000)));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reached: 'maybe' });
  });

  test('is left to a signal that aborts then, for a read', async () => {
    const next = vi.fn<Send>(async () => ANSWER);
    const given = { ...context(10_000), abortsAtDeadline: true };
    const send = enforceDeadline(systemClock)(next);
    await send(request(), given);
    expect(next.mock.calls[0]?.[1]).toBe(given);
    await send(request({ kind: 'change' }), given);
    expect(next.mock.calls[1]?.[1]).not.toBe(given);
    expect((await failure(send(request(), { ...given, deadline: 0 }))).code).toBe('DEADLINE_EXCEEDED');
  });

  test('may be years away or never', async () => {
    const slow: Send = () => new Promise((resolve) => setTimeout(resolve, 20, ANSWER));
    const send = enforceDeadline(systemClock)(slow);
    for (const timeoutMs of [2 ** 40, Number.POSITIVE_INFINITY]) {
      expect(await send(request(), context(timeoutMs))).toBe(ANSWER);
    }
  });
});

describe("the caller's signal", () => {
  test('ends a request with its reason when that is an error for the caller', async () => {
    const reason = new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'Going down.');
    const controller = new AbortController();
    const running = failure(
      enforceDeadline(systemClock)(never)(request(), context(10_000, controller.signal)),
    );
    controller.abort(reason);
    expect(await running).toBe(reason);
  });

  test('ends it with CANCELLED otherwise', async () => {
    const upstream = await startHttp(() => controller.abort(new Error('internal matter')));
    const controller = new AbortController();
    const error = await failure(
      startClient(upstream.url).send(request(), context(10_000, controller.signal)),
    );
    expect(error).toMatchObject({ code: 'CANCELLED', reason: 'CALL_CANCELLED' });
    expect(error.message).not.toContain('internal matter');
  });

  test('ends it also when it aborts while the request begins', async () => {
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const leaving: Send = (asked, given) => {
      signals.push(given.signal);
      controller.abort();
      return never(asked, given);
    };
    const error = await failure(
      enforceDeadline(systemClock)(leaving)(request(), context(10_000, controller.signal)),
    );
    expect(error.code).toBe('CANCELLED');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test('comes too late for a response that is there already', async () => {
    const controller = new AbortController();
    const response = Promise.withResolvers<typeof ANSWER>();
    const running = enforceDeadline(systemClock)(() => response.promise)(
      request(),
      context(10_000, controller.signal),
    );
    response.resolve(ANSWER);
    controller.abort();
    expect(await running).toBe(ANSWER);
  });

  test('that has aborted already sends nothing', async () => {
    const next = vi.fn(never);
    const error = await failure(
      enforceDeadline(systemClock)(next)(request(), context(10_000, AbortSignal.abort())),
    );
    expect(error.code).toBe('CANCELLED');
    expect(next).not.toHaveBeenCalled();
  });
});

describe('afterwards', () => {
  test.each([
    ['a response', async () => ANSWER],
    ['a failure', () => Promise.reject(new CallError('INTERNAL', 'VULTR_FAILED', 'x'))],
  ] as const)('%s leaves neither timer nor listener behind', async (_, next: Send) => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const before = timers();
    await enforceDeadline(systemClock)(next)(request(), context(1_000_000, signal)).catch(() => undefined);
    expect(timers()).toBe(before);
    expect(add).toHaveBeenCalledTimes(1);
    expect(remove.mock.calls[0]?.slice(0, 2)).toEqual(add.mock.calls[0]?.slice(0, 2));
  });

  test('a late failure of the request does not become an unhandled rejection', async () => {
    const late: Send = () => new Promise((_, reject) => setTimeout(reject, 30, new Error('late')));
    expect((await failure(enforceDeadline(systemClock)(late)(request(), context(5)))).code).toBe(
      'DEADLINE_EXCEEDED',
    );
    await new Promise((resolve) => setTimeout(resolve, 40));
  });
});

import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { CallError } from '../../src/status/call-error.ts';
import { retryFailures } from '../../src/vultr/retry.ts';
import { RetryBudget } from '../../src/vultr/retry-budget.ts';
import type { StageOptions } from '../../src/vultr/stages.ts';
import { PassingClock } from '../support/clock.ts';
import { closed, context, failure, request, startClient, startHttp, startTcp } from '../support/vultr.ts';

/** An upstream that fails `failures` times with a status, then answers `{}`; it counts what it was asked. */
async function startFlaky(status: number, failures: number, body = '') {
  const asked: string[] = [];
  const upstream = await startHttp((message, response) => {
    asked.push(`${message.method} ${message.url}`);
    response.writeHead(asked.length <= failures ? status : 200).end(asked.length <= failures ? body : '{}');
  });
  return { ...upstream, asked };
}

function startRetrying(url: string, options: Partial<StageOptions> = {}) {
  return startClient(url, { retry: { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 1_000 }, ...options });
}

describe('a repeatable request', () => {
  test.each([502, 503, 504])(
    'is repeated after %i until it succeeds, and the answer tells how often',
    async (status) => {
      const upstream = await startFlaky(status, 2);
      const response = await startRetrying(upstream.url, { clock: new PassingClock() }).send(
        request(),
        context(),
      );
      expect(response).toMatchObject({ status: 200, attempts: 3 });
      expect(upstream.asked).toHaveLength(3);
    },
  );

  test('fails with the last failure after the last attempt, and does not wait behind it', async () => {
    const upstream = await startFlaky(503, 99);
    const clock = new PassingClock();
    const error = await failure(startRetrying(upstream.url, { clock }).send(request(), context()));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryDelayMs: 1_000, vultr: { status: 503 } });
    expect(upstream.asked).toHaveLength(3);
    expect(clock.slept).toHaveLength(2);
  });

  test('sends the same bytes again', async () => {
    const bodies: string[] = [];
    const upstream = await startHttp(async (message, response) => {
      bodies.push(Buffer.concat(await message.toArray()).toString());
      response.writeHead(bodies.length === 1 ? 503 : 200).end('{}');
    });
    const body = Buffer.from('{"label":"x"}');
    await startRetrying(upstream.url, { clock: new PassingClock() }).send(
      request({ method: 'PUT', body }),
      context(),
    );
    expect(bodies).toEqual(['{"label":"x"}', '{"label":"x"}']);
  });

  test.each([
    ['closed before an answer', '', false],
    ['reset before an answer', '', true],
    ['cut off within an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{', false],
  ])('is repeated when its connection was %s', async (_, answer, reset) => {
    let count = 0;
    const upstream = await startTcp((socket) => {
      const isFirst = ++count === 1;
      socket.once('data', () => {
        if (!isFirst) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
        else if (reset) socket.resetAndDestroy();
        else socket.end(answer);
      });
    });
    const response = await startRetrying(upstream.url, { clock: new PassingClock() }).send(
      request(),
      context(),
    );
    expect(response).toMatchObject({ status: 200, attempts: 2 });
  });

  test('is repeated when its connection was refused', async () => {
    const upstream = await startTcp(() => undefined);
    await upstream.close();
    const clock = new PassingClock();
    const error = await failure(startRetrying(upstream.url, { clock }).send(request(), context()));
    expect(error.code).toBe('UNAVAILABLE');
    expect(clock.slept).toHaveLength(2);
  });

  test.each([
    [400, ''],
    [401, ''],
    [404, ''],
    [409, ''],
    [500, ''],
    [501, ''],
    [302, ''],
    [503, '{"error":"Server is currently locked","status":503}'],
  ])('is not repeated after %i %s', async (status, body) => {
    const upstream = await startFlaky(status, 99, body);
    await failure(startRetrying(upstream.url).send(request(), context()));
    expect(upstream.asked).toHaveLength(1);
  });

  test.each([
    ['too large', { maxResponseBytes: 10 }, 'x'.repeat(100)],
    ['compressed', {}, undefined],
  ])('is not repeated after an answer that is %s', async (_, limits, body) => {
    let count = 0;
    const upstream = await startHttp((_, response) => {
      count++;
      response.writeHead(200, body === undefined ? { 'content-encoding': 'gzip' } : {}).end(body ?? '{}');
    });
    await failure(startRetrying(upstream.url, { limits }).send(request(), context()));
    expect(count).toBe(1);
  });
});

describe('a request that is not repeatable', () => {
  test.each([502, 503, 504])('is sent once, whatever happens: %i', async (status) => {
    const upstream = await startFlaky(status, 1);
    const create = request({ method: 'POST', kind: 'change', repeatable: false });
    expect((await failure(startRetrying(upstream.url).send(create, context()))).code).toBe('UNAVAILABLE');
    expect(upstream.asked).toEqual(['POST /v2/account']);
  });

  test('is sent once when its connection fails, even a kept one', async () => {
    let count = 0;
    const upstream = await startHttp((message, response) => {
      if (++count === 1) response.end('{}');
      else message.socket.destroy();
    });
    const client = startRetrying(upstream.url);
    await client.send(request(), context());
    await setTimeout(5);
    const create = request({ method: 'POST', kind: 'change', repeatable: false });
    expect((await failure(client.send(create, context()))).code).toBe('UNAVAILABLE');
    expect(count).toBe(2);
    expect(upstream.connections).toHaveLength(1);
  });
});

describe('a request that certainly did not reach Vultr', () => {
  const create = request({ method: 'POST', kind: 'change', repeatable: false });

  test('is repeated after 429, whatever it is, and says so to the stages below', async () => {
    const upstream = await startFlaky(429, 5);
    const throttled: (boolean | undefined)[] = [];
    const client = startRetrying(upstream.url, {
      clock: new PassingClock(),
      stages: [
        (next) => (asked, given) => {
          throttled.push(given.throttled);
          return next(asked, given);
        },
      ],
    });
    expect(await client.send(create, context(60_000))).toMatchObject({ status: 200, attempts: 6 });
    expect(throttled).toEqual([undefined, true, true, true, true, true]);
  });

  test('is repeated after 429 so often and no more, and never when nothing is to be repeated', async () => {
    const upstream = await startFlaky(429, 99);
    const retry = { maxAttempts: 3, maxThrottled: 4 };
    const error = await failure(
      startClient(upstream.url, { clock: new PassingClock(), retry }).send(create, context(60_000)),
    );
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMITED', reached: 'no' });
    expect(upstream.asked).toHaveLength(5);
    await failure(
      startClient(upstream.url, { retry: { maxAttempts: 1, maxThrottled: 4 } }).send(create, context()),
    );
    expect(upstream.asked).toHaveLength(6);
  });

  test('is repeated after a refused connection, whatever it is', async () => {
    const upstream = await startTcp(() => undefined);
    await upstream.close();
    const clock = new PassingClock();
    const error = await failure(startRetrying(upstream.url, { clock }).send(create, context()));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reached: 'no' });
    expect(clock.slept).toHaveLength(2);
  });

  test('is not said to be so when an attempt before it may have', async () => {
    const lost = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'x', {
      vultr: { status: 503, error: 'x' },
    });
    const refused = new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'x', { reached: 'no' });
    const errors = [lost, refused];
    const send = retryFailures({
      clock: new PassingClock(),
      random: () => 0,
      policy: {},
      budget: new RetryBudget({}),
      observe: () => undefined,
    })(() => Promise.reject(errors.shift()));
    expect(await failure(send(request({ method: 'PUT', kind: 'change' }), context()))).toBe(lost);
  });
});

describe('the retry budget', () => {
  const options = { retryBudget: { maxTokens: 10, tokenRatio: 0.5 } };

  test('lets an outage see few more requests than were asked', async () => {
    const upstream = await startFlaky(503, 1_000);
    const client = startRetrying(upstream.url, { clock: new PassingClock(), ...options });
    for (let count = 0; count < 100; count++) await failure(client.send(request(), context()));
    expect(upstream.asked.length).toBeLessThanOrEqual(105);
    expect(client.state().retryTokens).toBe(0);
  });

  test('comes back with successes', async () => {
    const upstream = await startFlaky(503, 100);
    const client = startRetrying(upstream.url, { clock: new PassingClock(), ...options });
    while (upstream.asked.length < 100) await failure(client.send(request(), context()));
    for (let count = 0; count < 14; count++) await client.send(request(), context());
    expect(client.state().retryTokens).toBe(7);
    upstream.asked.length = 99;
    expect(await client.send(request(), context())).toMatchObject({ attempts: 2 });
  });

  test('is not spent by a 429, which is no outage', async () => {
    const upstream = await startFlaky(429, 30);
    const retry = { maxAttempts: 2, maxThrottled: 50 };
    const client = startClient(upstream.url, { clock: new PassingClock(), retry, ...options });
    expect(await client.send(request(), context(600_000))).toMatchObject({ attempts: 31 });
    expect(client.state().retryTokens).toBe(10);
  });

  test('has to be above 0', () => {
    expect(() => new RetryBudget({ maxTokens: 0 })).toThrow('retryBudget.maxTokens is 0');
    expect(() => new RetryBudget({ tokenRatio: Number.NaN })).toThrow('retryBudget.tokenRatio is NaN');
  });
});

describe('the wait before a repetition', () => {
  async function waits(random: () => number, maxAttempts = 6): Promise<number[]> {
    const upstream = await startFlaky(503, 99);
    const clock = new PassingClock();
    const retry = { maxAttempts, baseDelayMs: 100, maxDelayMs: 500 };
    await failure(startRetrying(upstream.url, { clock, random, retry }).send(request(), context(60_000)));
    return clock.slept;
  }

  test('doubles up to its bound', async () => {
    expect(await waits(() => 0.5)).toEqual([50, 100, 200, 250, 250]);
  });

  test('is anything from none to all of that', async () => {
    expect(await waits(() => 0)).toEqual([0, 0, 0, 0, 0]);
    const draws = [0.1, 0.9, 0.5];
    const slept = await waits(() => draws.shift() ?? 0, 4);
    expect(slept.map(Math.round)).toEqual([10, 180, 200]);
  });

  test('is not begun when the deadline would cut it; the failure itself is reported', async () => {
    const upstream = await startFlaky(503, 99);
    const clock = new PassingClock();
    const retry = { maxAttempts: 9, baseDelayMs: 1_000, maxDelayMs: 100_000 };
    const client = startRetrying(upstream.url, { clock, random: () => 1, retry });
    const error = await failure(client.send(request(), { ...context(), deadline: clock.now() + 4_000 }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', vultr: { status: 503 } });
    expect(clock.slept).toEqual([1_000, 2_000]);
    expect(upstream.asked).toHaveLength(3);
  });

  test('ends at once when the caller leaves', async () => {
    const controller = new AbortController();
    const upstream = await startFlaky(503, 99);
    const answered = Promise.withResolvers<CallError>();
    const client = startRetrying(upstream.url, {
      random: () => 1,
      retry: { maxAttempts: 3, baseDelayMs: 100_000, maxDelayMs: 100_000 },
      stages: [
        (next) => (asked, given) =>
          next(asked, given).catch((error: CallError) => {
            answered.resolve(error);
            throw error;
          }),
      ],
    });
    const running = failure(client.send(request(), context(1_000_000, controller.signal)));
    await answered.promise;
    controller.abort();
    expect((await running).code).toBe('CANCELLED');
    expect(upstream.asked).toHaveLength(1);
    await client.close();
    await closed(upstream.connections[0]);
  });

  test('rejects with the reason of the abort, whatever stands around the stage', async () => {
    const reason = new CallError('UNAVAILABLE', 'SHUTTING_DOWN', 'Going down.');
    const lost = new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'x', {
      vultr: { status: 503, error: 'x' },
    });
    const controller = new AbortController();
    const options = {
      clock: systemClock,
      random: () => 1,
      policy: { baseDelayMs: 100_000, maxDelayMs: 100_000 },
      budget: new RetryBudget({}),
      observe: () => undefined,
    };
    const send = retryFailures(options)(() => {
      setImmediate(() => controller.abort(reason));
      return Promise.reject(lost);
    });
    expect(await failure(send(request(), context(1_000_000, controller.signal)))).toBe(reason);
  });
});

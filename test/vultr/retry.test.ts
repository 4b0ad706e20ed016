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
    'is repeated after %i until it succeeds, and the response tells how often',
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

  test('is repeated within the deadline of its callers where several share it', async () => {
    const upstream = await startFlaky(503, 2);
    const client = startRetrying(upstream.url, { clock: new PassingClock(), singleflight: {} });
    const responses = await Promise.all([
      client.send(request(), context(5_000)),
      client.send(request(), context(10_000)),
    ]);
    expect(responses).toMatchObject([{ attempts: 3 }, { attempts: 3 }]);
    expect(upstream.asked).toHaveLength(3);
  });

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
    ['closed before a response', '', false],
    ['reset before a response', '', true],
    ['cut off within a response', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{', false],
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
    [503, '{"error":"Server is currently locked","status":503}'],
  ])('is not repeated after %i %s', async (status, body) => {
    const upstream = await startFlaky(status, 99, body);
    await failure(startRetrying(upstream.url).send(request(), context()));
    expect(upstream.asked).toHaveLength(1);
  });

  test.each([
    ['too large', { maxResponseBytes: 10 }, 'x'.repeat(100)],
    ['compressed', {}, undefined],
  ])('is not repeated after a response that is %s', async (_, limits, body) => {
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
    expect(upstream.asked.length).toBeGreaterThan(100);
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

  test('is not spent by a 429, which does not indicate an outage', async () => {
    const upstream = await startFlaky(429, 30);
    const retry = { maxAttempts: 2, maxThrottled: 50 };
    const client = startClient(upstream.url, { clock: new PassingClock(), retry, ...options });
    expect(await client.send(request(), context(600_000))).toMatchObject({ attempts: 31 });
    expect(client.state().retryTokens).toBe(10);
  });

  test('must be above 0', () => {
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

describe('the Retry-After of Vultr', () => {
  /** An upstream that asks for patience once, in this header, and then responses. */
  async function startPatient(status: number, retryAfter: string) {
    const asked: number[] = [];
    const upstream = await startHttp((_, response) => {
      asked.push(1);
      if (asked.length === 1) response.writeHead(status, { 'retry-after': retryAfter }).end();
      else response.end('{}');
    });
    return { ...upstream, asked };
  }

  test.each([429, 503])('of a %i is waited for, and the jitter comes on top', async (status) => {
    const upstream = await startPatient(status, '3');
    const clock = new PassingClock();
    const client = startRetrying(upstream.url, { clock, random: () => 0.5 });
    const given = { ...context(), deadline: clock.now() + 10_000 };
    expect(await client.send(request(), given)).toMatchObject({ status: 200, attempts: 2 });
    expect(clock.slept).toEqual([3_050]);
  });

  test('of no time leaves the back-off as it is', async () => {
    const upstream = await startPatient(503, '0');
    const clock = new PassingClock();
    const client = startRetrying(upstream.url, { clock, random: () => 0.5 });
    await client.send(request(), { ...context(), deadline: clock.now() + 10_000 });
    expect(clock.slept).toEqual([50]);
  });

  test.each([429, 503])(
    'beyond the deadline, of a %i, ends the call at once and is passed on',
    async (status) => {
      const upstream = await startPatient(status, '30');
      const clock = new PassingClock();
      const client = startRetrying(upstream.url, { clock });
      const error = await failure(client.send(request(), { ...context(), deadline: clock.now() + 10_000 }));
      expect(error).toMatchObject({ retryDelayMs: 30_000, vultr: { status, retryAfterMs: 30_000 } });
      expect(clock.slept).toEqual([]);
      expect(upstream.asked).toHaveLength(1);
    },
  );
});

describe('a change whose first attempt may have reached Vultr', () => {
  const remove = { method: 'DELETE', path: '/v2/instances/x', kind: 'change' } as const;
  const post = (path: string) => ({ method: 'POST', path, kind: 'change' }) as const;
  const put = (path: string) => ({ method: 'PUT', path, kind: 'change' }) as const;
  const patch = { method: 'PATCH', path: '/v2/blocks/x', kind: 'change' } as const;

  /** An upstream that loses the first response after `first`, then refuses with a text. */
  async function startLosing(first: 'lost' | 'cut' | 503 | 429, status: number, error: string) {
    let count = 0;
    return await startHttp(({ socket }, response) => {
      count += 1;
      if (count > 1) response.writeHead(status).end(JSON.stringify({ error, status }));
      else if (first === 'lost') socket.destroy();
      else if (first === 'cut')
        response.writeHead(200, { 'content-length': 9 }).write('{', () => socket.destroy());
      else response.writeHead(first).end();
    });
  }

  const send = (url: string, given: Parameters<typeof request>[0]) =>
    startRetrying(url, { clock: new PassingClock() }).send(request(given), context(60_000));

  test.each(['lost', 'cut', 503] as const)(
    'and was %s, is a success when the thing is gone',
    async (first) => {
      const upstream = await startLosing(first, 404, 'instance not found');
      const response = await send(upstream.url, remove);
      expect(response).toMatchObject({ status: 204, attempts: 2, contentType: '' });
      expect(response.body).toHaveLength(0);
    },
  );

  test.each([
    [remove, 404, 'Invalid instance-id.'],
    [remove, 400, 'Invalid block storage ID.'],
    [remove, 400, 'This subscription is already being deleted'],
    [remove, 404, ''],
    [post('/v2/instances/x/halt'), 400, 'Server is already stopped'],
    [post('/v2/bare-metals/x/halt'), 400, 'Server is not currently running.'],
    [post('/v2/instances/x/start'), 400, 'Server is already running'],
    [post('/v2/blocks/x/attach'), 400, 'Block storage is already attached'],
    [post('/v2/instances/x/vpcs/attach'), 400, 'VPC is already attached to this server'],
    [post('/v2/blocks/x/detach'), 400, 'Block storage volume is not currently attached to a server'],
    [put('/v2/vfs/x/attachments/y'), 409, 'Already attached.'],
    [put('/v2/organizations/x/user/y/suspend'), 400, 'User is already suspended.'],
    [put('/v2/organizations/x/user/y/unsuspend'), 400, 'User is not suspended.'],
    [post('/v2/databases/x/connectors/y/pause'), 400, 'The connector is already paused'],
    [patch, 400, 'Nothing to change'],
  ])('%j is a success when the next says %i "%s"', async (given, status, text) => {
    const upstream = await startLosing('lost', status, text);
    expect(await send(upstream.url, given)).toMatchObject({ status: 204, attempts: 2 });
  });

  test.each([
    [post('/v2/blocks/x/attach'), 400, 'Block storage is already attached to another server'],
    [post('/v2/instances/x/vpcs/attach'), 400, 'Server is already attached to another VPC'],
    [post('/v2/clusters/x/attach'), 400, 'Instance is already attached to a cluster.'],
    [post('/v2/instances/halt'), 400, 'Server a is already stopped'],
    [post('/v2/instances/x/reboot'), 400, 'Server is already running'],
    [post('/v2/instances/x/halt'), 404, 'instance not found'],
    [post('/v2/databases/x/connectors/y/pause'), 400, 'The connector is already running'],
    [patch, 404, 'Invalid block storage ID.'],
    [remove, 500, 'Server is currently locked'],
    [remove, 401, 'Invalid API token.'],
    [remove, 400, 'VPC is attached to 192.0.2.1'],
  ])('%j fails when the next says %i "%s"', async (given, status, text) => {
    const upstream = await startLosing('lost', status, text);
    expect((await failure(send(upstream.url, given))).vultr).toMatchObject({ status, error: text });
  });

  test('fails when the first attempt certainly did not reach it', async () => {
    const upstream = await startLosing(429, 404, 'instance not found');
    expect(await failure(send(upstream.url, remove))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('fails with NOT_FOUND when there was no earlier attempt', async () => {
    const upstream = await startFlaky(404, 9, '{"error":"instance not found","status":404}');
    expect(await failure(send(upstream.url, remove))).toMatchObject({ code: 'NOT_FOUND' });
    expect(upstream.asked).toHaveLength(1);
  });

  test('which was a read, is never a success', async () => {
    const upstream = await startLosing('lost', 404, 'instance not found');
    expect(await failure(send(upstream.url, {}))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

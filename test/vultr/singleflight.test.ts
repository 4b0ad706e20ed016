import { describe, expect, test } from 'vitest';
import { CallError } from '../../src/status/call-error.ts';
import type { SendContext, Stage, VultrRequest } from '../../src/vultr/request.ts';
import { singleflight } from '../../src/vultr/singleflight.ts';
import { type Answer, failing, startCounting, startStack, textOf } from '../support/cache.ts';
import { ManualClock } from '../support/clock.ts';
import { closed, failure, request } from '../support/vultr.ts';

const LEFT = new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left.');

/** A stage that notes the contexts that come through it. */
function watchContexts(seen: SendContext[]): Stage {
  return (next) => (sent, context) => {
    seen.push(context);
    return next(sent, context);
  };
}

describe('identical reads at the same time', () => {
  test('share one request, for any number of callers', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const responses = Array.from({ length: 1_000 }, () => send(request(), context()));
    await upstream.reached(1);
    release();
    const bodies = new Set((await Promise.all(responses)).map(({ body }) => body));
    expect(upstream.asked).toEqual(['GET /v2/account']);
    expect([...bodies].map((body) => textOf({ body }))).toEqual(['{"count":1}']);
  });

  test.each<[string, Partial<VultrRequest>]>([
    ['path', { path: '/v2/instances' }],
    ['query', { query: 'per_page=1' }],
    ['credential', { credential: 'KEY-ANOTHER-ONE-12345' }],
    ['kind, as a watch may wait for longer', { kind: 'poll' }],
    ['need of a credential', { isPublic: true }],
  ])('are not identical with another %s', async (_, other) => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const responses = [send(request(), context()), send(request(other), context())];
    await upstream.reached(2);
    release();
    expect(new Set((await Promise.all(responses)).map(textOf)).size).toBe(2);
  });

  test.each<[string, Partial<VultrRequest>]>([
    ['a POST', { method: 'POST', kind: 'change' }],
    ['a POST that is called a read', { method: 'POST' }],
    ['a GET that acts', { kind: 'change' }],
    ['a GET that must not be repeated', { repeatable: false }],
    ['a GET with a body', { body: Buffer.from('{}') }],
  ])('are never %s', async (_, given) => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const responses = [send(request(given), context()), send(request(given), context())];
    await upstream.reached(2);
    release();
    expect(new Set((await Promise.all(responses)).map(textOf)).size).toBe(2);
  });

  test('fail together, and the next one asks again', async () => {
    const upstream = await startCounting(failing(404));
    const { send, context } = startStack(upstream.url);
    const failures = await Promise.all([
      failure(send(request(), context())),
      failure(send(request(), context())),
    ]);
    expect(failures.map(({ code }) => code)).toEqual(['NOT_FOUND', 'NOT_FOUND']);
    expect(upstream.asked).toHaveLength(1);
    await failure(send(request(), context()));
    expect(upstream.asked).toHaveLength(2);
  });

  test('share nothing once the response is there', async () => {
    const upstream = await startCounting();
    const { send, context } = startStack(upstream.url);
    expect(textOf(await send(request(), context()))).toBe('{"count":1}');
    expect(textOf(await send(request(), context()))).toBe('{"count":2}');
  });
});

describe('a caller who leaves', () => {
  test('gets its own reason at once and takes nothing from the others', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const controllers = [new AbortController(), new AbortController(), new AbortController()];
    const [first, second, third] = controllers.map(({ signal }) => send(request(), context(10_000, signal)));
    await upstream.reached(1);
    controllers[0]?.abort(LEFT);
    expect(await failure(first ?? Promise.reject())).toBe(LEFT);
    controllers[1]?.abort();
    expect((await failure(second ?? Promise.reject())).code).toBe('CANCELLED');
    expect(upstream.sockets[0]?.closed).toBe(false);
    release();
    expect(textOf((await third) ?? { body: new Uint8Array() })).toBe('{"count":1}');
    expect(upstream.asked).toHaveLength(1);
  });

  test('ends the request when it was the last, and the next caller starts another', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const controllers = [new AbortController(), new AbortController()];
    const responses = controllers.map(({ signal }) => failure(send(request(), context(10_000, signal))));
    await upstream.reached(1);
    for (const controller of controllers) controller.abort(LEFT);
    const next = send(request(), context());
    expect(await Promise.all(responses)).toEqual([LEFT, LEFT]);
    await closed(upstream.sockets[0]);
    await upstream.reached(2);
    release();
    expect((await next).status).toBe(200);
  });

  test('before it came has nothing sent', async () => {
    const upstream = await startCounting();
    const { context } = startStack(upstream.url);
    const send = singleflight({ clock: new ManualClock() })(() => Promise.reject(new Error('It was sent.')));
    expect(await failure(send(request(), context(10_000, AbortSignal.abort(LEFT))))).toBe(LEFT);
  });
});

describe('the deadline of a shared request', () => {
  test('is the latest of its callers, also of one who comes later', async () => {
    const seen: SendContext[] = [];
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context, clock } = startStack(upstream.url, { below: [watchContexts(seen)] });
    const responses: unknown[] = [];
    for (const [timeoutMs, latestMs] of [
      [2_000, 2_000],
      [9_000, 9_000],
      [5_000, 9_000],
    ]) {
      responses.push(send(request(), context(timeoutMs)));
      expect(seen.map(({ deadline }) => deadline - clock.now())).toEqual([latestMs]);
    }
    release();
    await Promise.all(responses);
  });

  test('does not make a caller wait beyond its own, nor cut one that has longer', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const short = failure(send(request(), context(20)));
    const long = send(request(), context(10_000));
    expect((await short).code).toBe('DEADLINE_EXCEEDED');
    release();
    expect((await long).status).toBe(200);
    expect(upstream.asked).toHaveLength(1);
  });
});

describe('a change', () => {
  test.each<[string, Answer]>([
    ['succeeds', (_, response) => response.writeHead(204).end()],
    ['fails', failing(500)],
    ['is lost', ({ socket }) => socket.resetAndDestroy()],
  ])('that %s lets nobody with its credential join a read from before it', async (_, answer) => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const before = [send(request(), context()), send(request(), context())];
    await upstream.reached(1);
    upstream.answerWith(answer);
    await Promise.allSettled([send(request({ method: 'PATCH', kind: 'change' }), context())]);
    upstream.answerWith((_, response) => response.end('"after"'));
    expect(textOf(await send(request(), context()))).toBe('"after"');
    release();
    expect((await Promise.all(before)).map(textOf)).toEqual(['{"count":1}', '{"count":1}']);
    expect(upstream.asked).toHaveLength(3);
  });

  test('of one credential leaves the reads of another shared', async () => {
    const other = { credential: 'KEY-ANOTHER-ONE-12345' };
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const before = send(request(other), context());
    await upstream.reached(1);
    upstream.answerWith((_, response) => response.end('{}'));
    await send(request({ method: 'DELETE', kind: 'change' }), context());
    const after = send(request(other), context());
    release();
    expect((await after).body).toBe((await before).body);
    expect(upstream.asked).toHaveLength(2);
  });
});

describe('the bounds', () => {
  test('make a request beyond their number for its caller alone', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url, { singleflight: { maxShared: 3 } });
    const ask = (path: string) => [send(request({ path }), context()), send(request({ path }), context())];
    const responses = ['/1', '/2', '/3', '/4', '/5'].flatMap(ask);
    await upstream.reached(7);
    release();
    await Promise.all(responses);
    expect(upstream.asked.toSorted()).toEqual(
      ['/1', '/2', '/3', '/4', '/4', '/5', '/5'].map((path) => `GET ${path}`),
    );
    await Promise.all(ask('/6'));
    expect(upstream.asked).toHaveLength(8);
  });

  test('close a request that has run for too long to new callers, and leave it to those that it has', async () => {
    const upstream = await startCounting();
    const { send, context, clock } = startStack(upstream.url, { singleflight: { joinableMs: 1_000 } });
    const releaseEarly = upstream.hold((_, response) => response.end('"early"'));
    const early = send(request(), context());
    clock.shift(999);
    const joined = send(request(), context());
    await upstream.reached(1);
    clock.shift(1);
    const releaseLate = upstream.hold((_, response) => response.end('"late"'));
    const late = send(request(), context());
    await upstream.reached(2);
    releaseEarly();
    expect((await joined).body).toBe((await early).body);
    const joinedLate = send(request(), context());
    releaseLate();
    expect((await joinedLate).body).toBe((await late).body);
    expect([await early, await late].map(textOf)).toEqual(['"early"', '"late"']);
    expect(upstream.asked).toHaveLength(2);
  });

  test.each([{ maxShared: 0 }, { maxShared: 1.5 }, { joinableMs: -1 }, { joinableMs: Number.NaN }])(
    'are refused at the start when they are none: %j',
    (limits) => {
      expect(() => singleflight({ clock: new ManualClock(), limits })).toThrow(/^singleflight\.\w+ is /);
    },
  );
});

test('a stage below that throws at once fails the call, and the next call is sent', async () => {
  let count = 0;
  const send = singleflight({ clock: new ManualClock() })(() => {
    count += 1;
    throw LEFT;
  });
  const context = { signal: new AbortController().signal, deadline: 0 };
  expect(await failure(send(request(), context))).toBe(LEFT);
  expect(await failure(send(request(), context))).toBe(LEFT);
  expect(count).toBe(2);
});

import { describe, expect, test } from 'vitest';
import { payloadOf } from '../../src/payload/payload-memo.ts';
import { CallError } from '../../src/status/call-error.ts';
import { createCatalogueCache } from '../../src/vultr/cache.ts';
import type { VultrRequest } from '../../src/vultr/request.ts';
import {
  type Answer,
  answering,
  countingAnswer,
  cutOff,
  failing,
  listRequest,
  type Parts,
  startCounting,
  startFilled,
  startStack,
  textOf,
} from '../support/cache.ts';
import { ManualClock } from '../support/clock.ts';
import { closed, failure, request } from '../support/vultr.ts';

describe('a public list', () => {
  test('is asked for once and then kept, with its age', async () => {
    const { ask, clock, upstream } = await startFilled();
    clock.shift(42_000);
    const hit = await ask();
    expect(hit).toMatchObject({ status: 200, cache: { state: 'hit', ageMs: 42_000 } });
    expect(textOf(hit)).toBe('{"count":1}');
    expect(upstream.asked).toEqual(['GET /v2/regions']);
  });

  test('is marked as a miss, of no age, when Vultr was asked', async () => {
    const upstream = await startCounting();
    const { send, context } = startStack(upstream.url);
    expect((await send(listRequest(), context())).cache).toEqual({
      state: 'miss',
      ageMs: 0,
      freshMs: 300_000,
    });
  });

  test('is one object for all, so that it is parsed and encoded once', async () => {
    const { ask } = await startFilled();
    const [first, second] = [await ask(), await ask()];
    expect(second.body).toBe(first.body);
    expect(payloadOf(second.body).struct).toBe(payloadOf(first.body).struct);
  });

  test('is the same for every credential, and none is sent', async () => {
    const upstream = await startCounting();
    const { send, context } = startStack(upstream.url);
    const responses = ['KEY-OF-ONE-1234567890', 'KEY-OF-TWO-1234567890', undefined].map((credential) =>
      send(listRequest({ credential }), context()),
    );
    expect(new Set((await Promise.all(responses)).map(({ body }) => body)).size).toBe(1);
    expect(upstream.credentials).toEqual([undefined]);
  });

  test('is told apart by path and query', async () => {
    const { ask, upstream } = await startFilled();
    for (const given of [{ query: 'per_page=1' }, { path: '/v2/plans' }, { query: 'per_page=2' }]) {
      expect((await ask(given)).cache?.state).toBe('miss');
      expect((await ask(given)).cache?.state).toBe('hit');
    }
    expect(upstream.asked).toHaveLength(4);
  });

  test('is asked for once by 1000 concurrent callers', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const responses = Array.from({ length: 1_000 }, () => send(listRequest(), context()));
    await upstream.reached(1);
    release();
    const states = (await Promise.all(responses)).map(({ cache }) => cache?.state);
    expect(new Set(states)).toEqual(new Set(['miss']));
    expect(upstream.asked).toHaveLength(1);
  });
});

describe('responses that are not kept', () => {
  test.each<[string, Partial<VultrRequest>]>([
    ['a read with a credential', { isPublic: false, credential: 'KEY-0123456789ABCDEF' }],
    ['a POST', { method: 'POST', kind: 'change', repeatable: false }],
    ['a GET that acts', { kind: 'change', repeatable: false }],
  ])('%s', async (_, given) => {
    const upstream = await startCounting();
    const { send, context } = startStack(upstream.url);
    for (const count of [1, 2]) {
      const response = await send(listRequest(given), context());
      expect(response.cache).toBeUndefined();
      expect(textOf(response)).toBe(`{"count":${count}}`);
    }
  });

  test.each<[string, Answer]>([
    ['a 404', failing(404)],
    ['a 400', failing(400)],
    ['a 429', failing(429)],
    ['a 503', failing(503)],
    ['a response cut off', cutOff],
    ['a page of a proxy', answering(200, '<html>Back soon</html>')],
    ['a response without content', answering(200, '')],
    ['a 204', answering(204, '')],
  ])('%s: the next caller asks again', async (_, answer) => {
    const upstream = await startCounting(answer);
    const { send, context } = startStack(upstream.url);
    const [first] = await Promise.allSettled([send(listRequest(), context())]);
    if (first.status === 'rejected') expect(first.reason).toBeInstanceOf(CallError);
    upstream.answerWith(countingAnswer());
    expect(await send(listRequest(), context())).toMatchObject({ status: 200, cache: { state: 'miss' } });
    expect((await send(listRequest(), context())).cache?.state).toBe('hit');
    expect(upstream.asked).toHaveLength(2);
  });
});

describe('a caller who leaves before the list came', () => {
  test('gets its reply at once and takes nothing from the others', async () => {
    const upstream = await startCounting();
    const release = upstream.hold();
    const { send, context } = startStack(upstream.url);
    const controller = new AbortController();
    const leaving = failure(send(listRequest(), context(10_000, controller.signal)));
    const staying = send(listRequest(), context());
    await upstream.reached(1);
    controller.abort();
    expect((await leaving).code).toBe('CANCELLED');
    release();
    expect((await staying).cache?.state).toBe('miss');
    expect((await send(listRequest(), context())).cache?.state).toBe('hit');
    expect(upstream.asked).toHaveLength(1);
  });

  test('ends the request when it was the last, and nothing is kept', async () => {
    const upstream = await startCounting();
    upstream.hold();
    const { send, context } = startStack(upstream.url);
    const controller = new AbortController();
    const leaving = [1, 2, 3].map(() => failure(send(listRequest(), context(10_000, controller.signal))));
    await upstream.reached(1);
    controller.abort();
    expect((await Promise.all(leaving)).map(({ code }) => code)).toEqual(Array(3).fill('CANCELLED'));
    await closed(upstream.sockets[0]);
    upstream.answerWith(countingAnswer());
    expect((await send(listRequest(), context())).cache?.state).toBe('miss');
  });
});

describe('the bounds', () => {
  /** How many of `count` lists are still kept after each was asked for once. */
  async function countKept(count: number, body: string, cache: Parts) {
    const upstream = await startCounting(answering(200, body));
    const { send, context } = startStack(upstream.url, cache);
    const requests = Array.from({ length: count }, (_, index) => listRequest({ query: `cursor=${index}` }));
    for (const each of requests) await send(each, context());
    await upstream.stop();
    const outcomes = await Promise.allSettled(requests.map((each) => send(each, context())));
    return outcomes.map(({ status }) => status === 'fulfilled');
  }

  test('keep no more lists than allowed, those that came last', async () => {
    const kept = await countKept(20, '{}', { cache: { maxEntries: 5 } });
    expect(kept).toEqual([...Array(15).fill(false), ...Array(5).fill(true)]);
  });

  test('keep no more than 500 lists when nothing is said', async () => {
    const kept = await countKept(520, '{}', {});
    expect(kept.filter((isKept) => isKept)).toHaveLength(500);
  });

  test('keep no more bytes than allowed', async () => {
    const kept = await countKept(20, JSON.stringify({ text: 'x'.repeat(10_000) }), {
      cache: { maxBytes: 350_000 },
    });
    expect(kept).toEqual([...Array(16).fill(false), ...Array(4).fill(true)]);
  });

  test('give a list that is too large to keep', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(10_000) });
    const upstream = await startCounting(answering(200, body));
    const { send, context } = startStack(upstream.url, { cache: { maxBytes: 10_000 } });
    for (const _ of [1, 2]) {
      const response = await send(listRequest(), context());
      expect(response.cache?.state).toBe('miss');
      expect(textOf(response)).toBe(body);
    }
  });

  test.each([{ freshMs: 0 }, { keepMs: -1 }, { maxEntries: 0.5 }, { maxBytes: Number.NaN }])(
    'are refused at the start when they are none: %j',
    (limits) => {
      const options = { clock: new ManualClock(), onRefreshFailed: () => undefined, limits };
      expect(() => createCatalogueCache(options)).toThrow(/^cache\.\w+ is /);
    },
  );
});

test('a read with a credential never gets the kept response of a public one', async () => {
  const { send, context, upstream } = await startFilled();
  const response = await send(request({ path: '/v2/regions' }), context());
  expect(textOf(response)).toBe('{"count":2}');
  expect(upstream.credentials).toEqual([undefined, 'Bearer KEY-0123456789ABCDEF']);
});

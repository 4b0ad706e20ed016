import { describe, expect, onTestFinished, test } from 'vitest';
import { createVultrClient } from '../../src/vultr/client.ts';
import type { Stage, VultrRequest } from '../../src/vultr/request.ts';
import { createStages } from '../../src/vultr/stages.ts';
import type { CallOptions, UpstreamOperation } from '../../src/vultr/vultr.ts';
import { context, failure, request, startClient, startHttp } from '../support/vultr.ts';

describe('a client', () => {
  test.each([
    ['no URL', 'api.vultr.com', 'absolute http or https'],
    ['empty', '', 'absolute http or https'],
    ['another scheme', 'ftp://api.vultr.com', 'absolute http or https'],
    ['a user', 'https://me:SECRET@api.vultr.com', 'no user'],
    ['a query', 'https://api.vultr.com/?key=SECRET', 'no user'],
    ['a fragment', 'https://api.vultr.com/#SECRET', 'no user'],
    ['the version', 'https://api.vultr.com/v2/', 'before /v2'],
  ])('refuses a base URL with %s and does not repeat it', (_, baseUrl, words) => {
    const attempt = () => createStages({ baseUrl });
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(words);
    expect(attempt).not.toThrow('SECRET');
  });

  test.each([
    [{ limits: { maxConnections: 0 } }, 'limits.maxConnections is 0'],
    [{ limits: { bodyTimeoutMs: Number.NaN } }, 'limits.bodyTimeoutMs is NaN'],
    [{ limits: { maxResponseBytes: 1.5 } }, 'limits.maxResponseBytes is 1.5'],
    [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts is 0'],
    [{ retry: { maxAttempts: Number.POSITIVE_INFINITY } }, 'retry.maxAttempts is Infinity'],
    [{ retry: { baseDelayMs: -1 } }, 'retry.baseDelayMs is -1'],
    [{ retry: { maxDelayMs: Number.NaN } }, 'retry.maxDelayMs is NaN'],
  ])('refuses %j by name and value', (options, words) => {
    expect(() => createStages({ baseUrl: 'https://api.vultr.com', ...options })).toThrow(words);
  });

  test('opens no connection before the first request', async () => {
    const upstream = await startHttp((_, response) => response.end('{}'));
    startClient(upstream.url);
    await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.connections).toHaveLength(0);
  });

  test('runs further stages around every attempt, the first outermost, and shows them errors of callers', async () => {
    const upstream = await startHttp((_, response) => response.writeHead(503).end());
    const seen: string[] = [];
    const note =
      (name: string): Stage =>
      (next) =>
      (asked, given) => {
        seen.push(name);
        return next(asked, given).catch((error) => {
          seen.push(`${name} ${error.code}`);
          throw error;
        });
      };
    const client = startClient(upstream.url, {
      stages: [note('a'), note('b')],
      retry: { maxAttempts: 2, baseDelayMs: 0 },
    });
    await failure(client.send(request(), context()));
    const attempt = ['a', 'b', 'b UNAVAILABLE', 'a UNAVAILABLE'];
    expect(seen).toEqual([...attempt, ...attempt]);
  });
});

describe('the door', () => {
  const READ: UpstreamOperation = {
    name: 'vultr.v2.AccountService/GetAccount',
    effect: 'READ',
    create: undefined,
    idempotency: 'NO_SIDE_EFFECTS',
    isPublic: false,
    isForm: false,
    bindings: [],
  };
  const REQUEST = { method: 'GET', path: '/v2/account', query: 'a=1', body: undefined, accept: 'text/csv' };

  /** A client of an upstream that responses; what passed its stages, and what the upstream was sent. */
  async function setUp() {
    const sent: string[] = [];
    const upstream = await startHttp(({ method, url, headers }, response) => {
      sent.push(`${method} ${url} ${headers.authorization ?? 'without a key'}`);
      response.end('{}');
    });
    const seen: VultrRequest[] = [];
    const client = createVultrClient({
      baseUrl: upstream.url,
      stages: [
        (next) => (asked, given) => {
          seen.push(asked);
          return next(asked, given);
        },
      ],
    });
    onTestFinished(() => client.close());
    const options = (given: Partial<CallOptions> = {}): CallOptions => ({
      ...context(),
      credential: 'KEY-0123456789ABCDEF',
      ...given,
    });
    return { client, seen, sent, options };
  }

  test('sends what it is asked for with the key, and tells when', async () => {
    const { client, seen, sent, options } = await setUp();
    let sends = 0;
    const onSend = (): void => {
      sends += 1;
    };
    expect(await client.call(READ, REQUEST, options({ onSend }))).toMatchObject({ status: 200, attempts: 1 });
    expect(sent).toEqual(['GET /v2/account?a=1 Bearer KEY-0123456789ABCDEF']);
    expect(seen).toMatchObject([{ ...REQUEST, operation: READ.name, kind: 'read', repeatable: true }]);
    expect(sends).toBe(1);
  });

  test.each([
    ['READ', 'NO_SIDE_EFFECTS', undefined, 'read', true],
    ['SECRET', 'NO_SIDE_EFFECTS', undefined, 'read', true],
    ['READ', 'NO_SIDE_EFFECTS', true, 'poll', true],
    ['CREATE', 'IDEMPOTENCY_UNKNOWN', undefined, 'change', false],
    ['CHANGE', 'IDEMPOTENT', undefined, 'change', true],
    ['CHANGE', 'IDEMPOTENCY_UNKNOWN', true, 'change', false],
    ['DESTROY', 'IDEMPOTENT', undefined, 'change', true],
  ] as const)('takes %s, %s (poll: %s) for a %s', async (effect, idempotency, isPoll, kind, repeatable) => {
    const { client, seen, options } = await setUp();
    await client.call({ ...READ, effect, idempotency }, REQUEST, options(isPoll && { isPoll }));
    expect(seen).toMatchObject([{ kind, repeatable }]);
  });

  test('sends public requests without a key and in one form, whoever the caller is', async () => {
    const { client, seen, sent, options } = await setUp();
    await client.call({ ...READ, isPublic: true }, REQUEST, options());
    await client.call({ ...READ, isPublic: true }, REQUEST, options({ credential: undefined }));
    const line = 'GET /v2/account?a=1 without a key';
    expect(sent).toEqual([line, line]);
    for (const asked of seen) expect(asked).toMatchObject({ accept: undefined, credential: undefined });
  });

  test.each([
    ['large', 200_000, 5],
    ['small', 1_000, 1],
  ])(
    'hands over %s responses in as many turns of the event loop as they are worth',
    async (_size, bytes, turns) => {
      const body = () => Buffer.alloc(bytes, ' ');
      const client = createVultrClient({
        baseUrl: 'http://127.0.0.1:1',
        stages: [() => async () => ({ status: 200, contentType: '', body: body(), attempts: 1 })],
      });
      onTestFinished(() => client.close());
      let turn = 0;
      let isOver = false;
      const count = (): void => {
        turn += 1;
        if (!isOver) setImmediate(count);
      };
      setImmediate(count);
      const seen = await Promise.all(
        Array.from({ length: 5 }, async () => {
          await client.call(READ, REQUEST, { ...context(), credential: 'KEY-0123456789ABCDEF' });
          return turn;
        }),
      );
      isOver = true;
      expect(new Set(seen).size).toBe(turns);
    },
  );

  test('does not ask for anything else without a key', async () => {
    const { client, sent, options } = await setUp();
    const error = await failure(client.call(READ, REQUEST, options({ credential: undefined })));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'CREDENTIAL_MISSING' });
    expect(sent).toEqual([]);
  });
});

test('callers whom Vultr refuses together are told times of their own, never earlier than Vultr said', async () => {
  const upstream = await startHttp((_, response) => response.writeHead(429, { 'retry-after': '7' }).end());
  const client = createVultrClient({ baseUrl: upstream.url, singleflight: {}, retry: { maxAttempts: 1 } });
  onTestFinished(() => client.close());
  const operation: UpstreamOperation = {
    name: 'Read',
    effect: 'READ',
    idempotency: 'NO_SIDE_EFFECTS',
    isPublic: true,
    isForm: false,
    create: undefined,
    bindings: [],
  };
  const asked = {
    method: 'GET',
    path: '/v2/regions',
    query: '',
    accept: undefined,
    contentType: undefined,
    body: undefined,
  };
  const call = () => failure(client.call(operation, asked, { ...context(), credential: undefined }));
  const errors = await Promise.all(Array.from({ length: 10 }, call));
  const delays = errors.map(({ retryDelayMs = 0 }) => retryDelayMs);
  expect(new Set(errors.map(({ vultr }) => vultr?.retryAfterMs))).toEqual(new Set([7_000]));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(7_000);
  expect(new Set(delays).size).toBeGreaterThan(5);
});

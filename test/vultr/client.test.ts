import { describe, expect, test } from 'vitest';
import { createVultrClient } from '../../src/vultr/client.ts';
import type { Stage } from '../../src/vultr/request.ts';
import { context, failure, request, startClient, startHttp } from './support.ts';

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
    const attempt = () => createVultrClient({ baseUrl });
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
    expect(() => createVultrClient({ baseUrl: 'https://api.vultr.com', ...options })).toThrow(words);
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

describe('a JSON answer', () => {
  async function ask(
    body: string | Buffer,
    given: { status?: number; kind?: 'change' | 'read' | 'poll' } = {},
  ) {
    const upstream = await startHttp((_, response) => {
      response.writeHead(given.status ?? 200, { 'content-type': 'application/json' }).end(body);
    });
    return startClient(upstream.url).json(request({ kind: given.kind ?? 'read' }), context());
  }

  test('has its bytes, its text and its value', async () => {
    const text = '{"a":"é","n":9007199254740993}';
    const answer = await ask(text, { status: 201 });
    expect(answer).toMatchObject({ status: 201, contentType: 'application/json', text, value: { a: 'é' } });
    expect(Buffer.from(answer.body).toString()).toBe(text);
  });

  test.each([
    ['204', { status: 204, kind: 'change' }],
    ['200 to a change', { status: 200, kind: 'change' }],
    ['202 to a read', { status: 202, kind: 'read' }],
  ] as const)('without content is an empty object: %s', async (_, given) => {
    expect(await ask('', given)).toMatchObject({ text: '{}', value: {}, status: given.status });
  });

  test.each([
    ['empty for a read', '', 'is not JSON'],
    ['a page', '<html>SECRET</html>', 'is not JSON'],
    ['YAML', 'a: SECRET', 'is not JSON'],
    ['cut within its text', '{"password":"SECRET', 'is not JSON'],
    ['followed by more', '{}{}', 'is not JSON'],
    ['a list', '[]', 'not an object'],
    ['null', 'null', 'not an object'],
    ['a number', '1', 'not an object'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'not valid UTF-8'],
    [
      'a surrogate in UTF-8',
      Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
      'not valid UTF-8',
    ],
  ])('is refused when it is %s, and nothing of it is repeated', async (_, body, words) => {
    const error = await failure(ask(body));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'BAD_UPSTREAM_RESPONSE' });
    expect(error.message).toContain(words);
    expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain('SECRET');
  });

  test('is an error like any other when Vultr refuses', async () => {
    const error = await failure(ask('{"error":"instance not found","status":404}', { status: 404 }));
    expect(error.code).toBe('NOT_FOUND');
  });
});

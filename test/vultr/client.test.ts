import { describe, expect, test } from 'vitest';
import type { Stage } from '../../src/vultr/request.ts';
import { createStages } from '../../src/vultr/stages.ts';
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

import { describe, expect, test } from 'vitest';
import { findHiddenError } from '../../src/vultr/error-text.ts';
import { toCallError } from '../../src/vultr/errors.ts';
import cases from '../cases/vultr-errors.json' with { type: 'json' };
import { context, failure, request, startClient, startHttp } from '../support/vultr.ts';

interface Case {
  readonly status: number;
  readonly code: string;
  readonly reason: string;
  /** Vultr's text; the body is then the object that Vultr wraps it in. */
  readonly error?: string;
  readonly name?: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly method?: string;
  readonly retryDelayMs?: number;
  /** What the error carries as Vultr's text, when `error` is not given. */
  readonly vultrError?: string;
  /** Whether the request makes something new. */
  readonly creates?: boolean;
  /** What must not reach the caller. */
  readonly hidden?: string;
}

const titled = (cases as readonly Case[]).map(
  (each) =>
    [
      each.name ??
        `${each.creates === true ? 'a create' : (each.method ?? 'GET')}: ${each.status} ${each.error}`,
      each,
    ] as const,
);

describe('a response that is not a success', () => {
  test.each(titled)('%s', async (_, given) => {
    const contentType = given.contentType ?? 'application/json';
    const body = given.body ?? JSON.stringify({ error: given.error, status: given.status });
    const upstream = await startHttp((_, response) => {
      response.writeHead(given.status, contentType === '' ? {} : { 'content-type': contentType });
      response.end(body);
    });
    const client = startClient(upstream.url);

    const error = await failure(
      client.send(
        request({
          method: given.method ?? (given.creates === true ? 'POST' : 'GET'),
          creates: given.creates ?? false,
        }),
        context(),
      ),
    );

    expect({ code: error.code, reason: error.reason, retryDelayMs: error.retryDelayMs }).toEqual({
      code: given.code,
      reason: given.reason,
      retryDelayMs: given.retryDelayMs,
    });
    if (given.reason === 'BAD_UPSTREAM_RESPONSE') {
      expect(error.vultr).toBeUndefined();
      expect(error.message).toContain(String(given.status));
      return;
    }
    expect(error.vultr?.status).toBe(given.status);
    expect(error.metadata).toEqual({ http_status: String(given.status) });
    expect(error.domain).toBe('vultr.com');
    const text = given.error ?? given.vultrError;
    if (text !== undefined) {
      expect(error.vultr?.error).toBe(text);
      expect(error.message).toContain(text);
    } else {
      expect(error.vultr?.error).not.toBe('');
    }
    if (given.hidden !== undefined) {
      expect(JSON.stringify([error.message, error.vultr])).not.toContain(given.hidden);
    }
  });
});

describe('the text of an error', () => {
  const answer = (error: string, status = 400) => ({
    status,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ error, status })),
    attempts: 1,
  });

  test('is one bounded line in the message, and bounded in the passed-on error', () => {
    const error = toCallError(request(), answer(`a\r\nb\u0000\u202ec\u2028d ${'x'.repeat(10_000)}`));
    expect(error.message).toMatch(/^Vultr answered 400: a b c d x+…$/);
    expect(error.message.length).toBeLessThan(600);
    expect(error.vultr?.error).toMatch(/^a\r\nb\0/);
    expect(error.vultr?.error).toHaveLength(2_000);
  });

  test('stays well-formed when it is cut within a surrogate pair', () => {
    for (const lead of ['', 'x']) {
      const error = toCallError(request(), answer(lead + '😀'.repeat(2_000)));
      expect(error.message.isWellFormed()).toBe(true);
      expect(error.vultr?.error.isWellFormed()).toBe(true);
    }
  });

  test('never holds the API key', () => {
    const credential = 'KEY-0123456789ABCDEF';
    const error = toCallError(
      request({ credential }),
      answer(`Invalid token ${credential} (${credential})`, 401),
    );
    expect(error.vultr?.error).toBe('Invalid token [API key] ([API key])');
    expect(JSON.stringify([error, error.message])).not.toContain(credential);
  });

  test('is not read from a body that is too large or not UTF-8', () => {
    const large = { ...answer(''), body: Buffer.from(`{"error":"locked","x":"${'x'.repeat(70_000)}"}`) };
    const broken = { ...answer(''), body: Buffer.from([...Buffer.from('{"error":"'), 0xff, 0x22, 0x7d]) };
    for (const response of [large, broken]) {
      expect(toCallError(request(), response).message).toBe('Vultr answered 400 without a readable reason.');
    }
  });

  test('is matched in bounded time, however odd it is', () => {
    const texts = ['invalid '.repeat(250), `invalid ${'a-'.repeat(990)}`, `invalid${' a.'.repeat(600)}`];
    // A pattern that back-tracks without bound takes minutes for these, and the test times out.
    for (const text of texts) expect(toCallError(request(), answer(text)).code).toBe('INVALID_ARGUMENT');
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])(
    'of status %i is a response, whatever its body says',
    async (status) => {
      const upstream = await startHttp((_, response) =>
        response.writeHead(status, { location: '/elsewhere' }).end('{"error":"moved","status":404}'),
      );
      const response = await startClient(upstream.url).send(request(), context());
      expect(response).toMatchObject({ status, location: '/elsewhere' });
      expect(Buffer.from(response.body).toString()).toBe('{"error":"moved","status":404}');
    },
  );
});

describe('an error object in a success', () => {
  test.each([
    ['{"error":"Server is currently locked","status":500}', 'FAILED_PRECONDITION', 'VULTR_LOCKED', 500],
    ['{"error":"instance not found","status":404}', 'NOT_FOUND', 'VULTR_NOT_FOUND', 404],
    ['\n {"status": 429,"error": "rate limit exceeded"}', 'RESOURCE_EXHAUSTED', 'RATE_LIMITED', 429],
    ['{"error":"It broke."}', 'INTERNAL', 'VULTR_FAILED', 500],
    ['{"error":"It broke.","status":"200"}', 'INTERNAL', 'VULTR_FAILED', 500],
    ['{"error":{"message":"It broke."},"status":503}', 'UNAVAILABLE', 'VULTR_UNAVAILABLE', 503],
    ['{"error":{"text":"unknown form"},"status":400}', 'INVALID_ARGUMENT', 'VULTR_REFUSED', 400],
    ['{"error":true}', 'INTERNAL', 'VULTR_FAILED', 500],
    ['{"error":404}', 'NOT_FOUND', 'VULTR_NOT_FOUND', 404],
    ['{"error":7}', 'INTERNAL', 'VULTR_FAILED', 500],
    ['{"message":"It broke.","status":500}', 'INTERNAL', 'VULTR_FAILED', 500],
    ['{"status": 422, "errors":[{"message":"No."}]}', 'INVALID_ARGUMENT', 'VULTR_REFUSED', 422],
    ['{"title":"Gone","detail":"It is gone.","status": 404}', 'NOT_FOUND', 'VULTR_NOT_FOUND', 404],
  ])('%s fails the call', async (body, code, reason, status) => {
    for (const httpStatus of [200, 201, 202]) {
      const upstream = await startHttp((_, response) => response.writeHead(httpStatus).end(body));
      const error = await failure(startClient(upstream.url).send(request(), context()));
      expect(error).toMatchObject({ code, reason, vultr: { status, response: { status: httpStatus } } });
      expect(error.message).toContain(`Vultr answered ${httpStatus} with an error`);
      // Whoever puts a 429 into a success is not the edge, which alone sends requests away unread.
      expect(error.reached).toBe(status < 500 && status !== 429 ? 'no' : 'maybe');
    }
  });

  test.each([
    '{"instance":{"error":"inner"}}',
    '{"error":"","status":200}',
    '{"error":null}',
    '{"error":false}',
    '{"error":0}',
    '{"message":"All is well.","status":200}',
    '{"message":"A text.","status":"404"}',
    '{"status":500}',
    '{"task":{"message":"It broke.","status":500}}',
    '[{"message":"It broke.","status":500}]',
    '{"error":[]}',
    '{"error":{}}',
    '["error"]',
    '"error"',
    '{"error":"cut o',
    'the word "error" in text',
    `{"error":"${'x'.repeat(70_000)}"}`,
  ])('is not seen in %s', (body) => {
    const response = { status: 200, contentType: '', body: Buffer.from(body), attempts: 1 };
    expect(findHiddenError(response)).toBeUndefined();
  });

  test('never shows the API key', async () => {
    const credential = 'KEY-0123456789ABCDEF';
    const upstream = await startHttp((_, response) => response.end(`{"error":"Bad key ${credential}"}`));
    const error = await failure(startClient(upstream.url).send(request({ credential }), context()));
    expect(JSON.stringify([error, error.message, error.vultr])).not.toContain(credential);
    expect(error.vultr?.response).toBeUndefined();
  });
});

describe('the Retry-After of Vultr', () => {
  const asked = { status: 0, contentType: '', body: new Uint8Array(), attempts: 1, retryAfter: '7' };

  test.each([429, 503, 502, 500, 404])('of a %i is passed on', (status) => {
    const error = toCallError(request(), { ...asked, status });
    expect(error.retryDelayMs).toBe(7_000);
    expect(error.vultr).toMatchObject({ retryAfterMs: 7_000, response: { retryAfter: '7' } });
  });

  test('may be a date, and is an hour at most', () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    expect(toCallError(request(), { ...asked, status: 503, retryAfter: at }).retryDelayMs).toBeGreaterThan(
      55_000,
    );
    expect(toCallError(request(), { ...asked, status: 503, retryAfter: '999999' }).retryDelayMs).toBe(
      3_600_000,
    );
  });

  test('that cannot be read is left out, and the default counts', () => {
    const error = toCallError(request(), { ...asked, status: 429, retryAfter: 'soon' });
    expect(error.retryDelayMs).toBe(1_000);
    expect(error.vultr?.retryAfterMs).toBeUndefined();
  });
});

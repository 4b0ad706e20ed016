import { describe, expect, test } from 'vitest';
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
  /** What must not reach the caller. */
  readonly hidden?: string;
}

const titled = (cases as readonly Case[]).map(
  (each) => [each.name ?? `${each.method ?? 'GET'}: ${each.status} ${each.error}`, each] as const,
);

describe('an answer that is no success', () => {
  test.each(titled)('%s', async (_, given) => {
    const contentType = given.contentType ?? 'application/json';
    const body = given.body ?? JSON.stringify({ error: given.error, status: given.status });
    const upstream = await startHttp((_, response) => {
      response.writeHead(given.status, contentType === '' ? {} : { 'content-type': contentType });
      response.end(body);
    });
    const client = startClient(upstream.url);

    const error = await failure(client.send(request({ method: given.method ?? 'GET' }), context()));

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

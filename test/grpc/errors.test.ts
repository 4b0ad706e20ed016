import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { toStatusObject } from '../../src/grpc/status.ts';
import { CallError } from '../../src/status/call-error.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { startService } from '../support/service.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/** What the service makes of an error, as a client of gRPC reads it. */
function received(thrown: unknown) {
  const { code, details, metadata } = toStatusObject(thrown, new Map(), true);
  return failureOf(Promise.reject(Object.assign(new Error(), { code, details, metadata })));
}

describe('an error over gRPC', () => {
  test('carries google.rpc.Status with all of its details', async () => {
    const error = new CallError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', 'Too many requests.', {
      violations: [{ field: 'a.b[0]', description: 'It is wrong.' }],
      retryDelayMs: 1_500,
      vultr: { status: 429, error: 'Rate limit exceeded' },
      metadata: { member: 'x' },
    });
    expect(await received(error)).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: 'Too many requests.',
      status: { code: status.RESOURCE_EXHAUSTED, message: 'Too many requests.' },
      info: { reason: 'RATE_LIMITED', domain: 'vultr.com', metadata: { http_status: '429', member: 'x' } },
      violations: { 'a.b[0]': 'It is wrong.' },
      retryDelayMs: 1_500,
    });
  });

  test('that nobody expected has a fixed text', async () => {
    const failure = await received(new TypeError('secret'));
    expect(failure).toMatchObject({ code: 'INTERNAL', info: { reason: 'INTERNAL_ERROR' } });
    expect(JSON.stringify([failure.message, failure.status])).not.toContain('secret');
  });

  test.each([
    ['ASCII', 'x'],
    ['letters of two bytes', 'ж'],
    ['letters of three bytes', '語'],
    ['letters of four bytes', '💾'],
    ['halves of surrogate pairs', '\ud800'],
    ['percent signs', '%'],
    ['line breaks', '\r\n'],
  ])('stays under 8 KB of trailers with 1000 violations of %s', async (_what, letter) => {
    const violations = Array.from({ length: 1_000 }, (_, index) => ({
      field: `${letter.repeat(300)}${index}`,
      description: letter.repeat(1_000),
    }));
    const { details, metadata } = toStatusObject(CallError.invalid(violations), new Map(), true);
    const [bytes] = metadata.get('grpc-status-details-bin');
    // As they stand on the wire: percent-encoded (gRPC over HTTP/2) and in base64.
    const onWire = encodeURI(details).length + Buffer.from(bytes as Buffer).toString('base64').length;
    expect(onWire).toBeLessThan(8_000);
    const error = CallError.invalid(violations, { retryDelayMs: 2 ** 31 });
    const failure = await received(error);
    expect(Object.keys(failure.violations).length).toBeGreaterThan(0);
    expect(failure.message).not.toBe('');
  });
});

/** What Vultr, or what stands before it, sends, and what a caller of gRPC gets. */
const RESPONSES: readonly [string, Exclude<FakeAnswer, 'hang'>, string, string, string][] = [
  [
    'locked',
    [500, { error: 'Unable to halt server: Server is currently locked', status: 500 }],
    'FAILED_PRECONDITION',
    'VULTR_LOCKED',
    'vultr.com',
  ],
  [
    'missing',
    [404, { error: 'instance not found', status: 404 }],
    'NOT_FOUND',
    'VULTR_NOT_FOUND',
    'vultr.com',
  ],
  [
    'a bad key',
    [401, { error: 'Invalid API token.', status: 401 }],
    'UNAUTHENTICATED',
    'INVALID_API_KEY',
    'vultr.com',
  ],
  [
    'too many',
    // There is no time to ask again.
    [429, { error: 'Rate limit exceeded', status: 429 }, 'application/json', { 'retry-after': '60' }],
    'RESOURCE_EXHAUSTED',
    'RATE_LIMITED',
    'vultr.com',
  ],
  [
    'a page instead of JSON',
    [200, '<html>secret</html>', 'text/html'],
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    'vultr-grpc',
  ],
  [
    'JSON that is cut off',
    [200, '{"instance":{"default_password":"secret'],
    'INTERNAL',
    'BAD_UPSTREAM_RESPONSE',
    'vultr-grpc',
  ],
  ['a redirect', [302, ''], 'INTERNAL', 'BAD_UPSTREAM_RESPONSE', 'vultr-grpc'],
];

describe("Vultr's failures", () => {
  let next: FakeAnswer = 'hang';
  const service = openForFile(async () =>
    startService({ upstream: (await startFakeUpstream(() => next)).url, callTimeoutMs: 10_000 }),
  );

  test.each(RESPONSES)('%s', async (_what, response, code, reason, domain) => {
    next = response;
    const { client, log } = service();
    const failure = await failureOf(client.ask('getInstance', { instance_id: ID }));
    expect(failure).toMatchObject({ code, info: { reason, domain } });
    expect(failure.status?.message).toBe(failure.message);
    expect(`${failure.message} ${log.text}`).not.toContain('secret');
    if (code === 'RESOURCE_EXHAUSTED') expect(failure.retryDelayMs).toBeGreaterThan(0);
  });
});

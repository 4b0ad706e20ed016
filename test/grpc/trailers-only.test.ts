import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { CallError } from '../../src/status/call-error.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { openForFile } from '../support/opened.ts';
import { connectHttp2, frame } from '../support/raw-http2.ts';

const EMPTY = new Uint8Array();
const fine = async () => structReply(Payload.of({ ok: true }));

const server = openForFile(() =>
  startGrpc(
    {
      ListRegions: fine,
      ListInstances: async () => {
        throw new CallError('UNAVAILABLE', 'VULTR_UNAVAILABLE', 'Not now.', { retryDelayMs: 1_234.5 });
      },
    },
    {
      streams: {
        // biome-ignore lint/correctness/useYield: it fails before its first message
        async *WatchInstance() {
          throw new CallError('NOT_FOUND', 'VULTR_NOT_FOUND', 'It is gone.');
        },
      },
    },
  ),
);

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const watchRequest = Buffer.concat([Buffer.from([0x12, ID.length]), Buffer.from(ID)]);

/** Every way for a call to fail before its first message: what is sent, the code, and the reason in the log. */
const FAILURES: readonly {
  readonly what: string;
  readonly rpc?: string;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: keyof typeof status;
  readonly reason: string;
}[] = [
  { what: 'a handler that fails', rpc: 'ListInstances', code: 'UNAVAILABLE', reason: 'VULTR_UNAVAILABLE' },
  {
    what: 'a stream that fails before its first message',
    rpc: 'WatchInstance',
    bytes: frame(watchRequest),
    code: 'NOT_FOUND',
    reason: 'VULTR_NOT_FOUND',
  },
  { what: 'an unknown method', rpc: 'Nothing', code: 'UNIMPLEMENTED', reason: 'ROUTE_NOT_FOUND' },
  {
    what: 'a malformed message',
    bytes: frame(Buffer.from([0xff])),
    code: 'INVALID_ARGUMENT',
    reason: 'MALFORMED_MESSAGE',
  },
  {
    what: 'a message that is too large',
    bytes: Buffer.from([0, 0x7f, 0, 0, 0]),
    code: 'RESOURCE_EXHAUSTED',
    reason: 'REQUEST_TOO_LARGE',
  },
  {
    what: 'a message that is too large when it is inflated',
    bytes: frame(gzipSync(Buffer.alloc(5 * 1024 * 1024)), true),
    headers: { 'grpc-encoding': 'gzip' },
    code: 'RESOURCE_EXHAUSTED',
    reason: 'REQUEST_TOO_LARGE',
  },
  {
    what: 'a message that cannot be inflated',
    bytes: frame(Buffer.from('junk'), true),
    headers: { 'grpc-encoding': 'gzip' },
    code: 'INTERNAL',
    reason: 'MALFORMED_MESSAGE',
  },
  {
    what: 'a compressed message without a grpc-encoding',
    bytes: frame(gzipSync(EMPTY), true),
    code: 'INTERNAL',
    reason: 'MALFORMED_MESSAGE',
  },
  {
    what: 'an unknown compression',
    headers: { 'grpc-encoding': 'snappy' },
    code: 'UNIMPLEMENTED',
    reason: 'MALFORMED_MESSAGE',
  },
  { what: 'no message', bytes: EMPTY, code: 'UNIMPLEMENTED', reason: 'MALFORMED_MESSAGE' },
  {
    what: 'two messages',
    bytes: Buffer.concat([frame(EMPTY), frame(EMPTY)]),
    code: 'UNIMPLEMENTED',
    reason: 'MALFORMED_MESSAGE',
  },
  ...['-1S', '1.5S', '123456789S', '10', 'S', '1 S', '10s', '0x1S'].map((timeout) => ({
    what: `the grpc-timeout ${JSON.stringify(timeout)}`,
    headers: { 'grpc-timeout': timeout },
    code: 'INVALID_ARGUMENT' as const,
    reason: 'INVALID_REQUEST',
  })),
  {
    what: 'a deadline that has passed',
    headers: { 'grpc-timeout': '0S' },
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_EXCEEDED',
  },
];

describe('an error before the first message goes as trailers only, and is logged', () => {
  test.each(FAILURES)(
    '$what',
    async ({ what, rpc = 'ListRegions', bytes = frame(EMPTY), headers = {}, code, reason }) => {
      const requestId = `of-${FAILURES.findIndex((failure) => failure.what === what)}`;
      const { open } = connectHttp2(server().address);
      const { stream, ending } = open(cloudPath(rpc), { 'x-request-id': requestId, ...headers });
      stream.resume();
      stream.end(bytes);
      const { isTrailersOnly, status: number, trailers } = await ending;
      expect({ isTrailersOnly, code: status[number ?? -1] }).toEqual({ isTrailersOnly: true, code });
      expect(trailers).toMatchObject({
        'x-request-id': requestId,
        'grpc-status-details-bin': expect.any(String),
      });
      expect(server().log.lines({ request_id: requestId })).toEqual([
        expect.objectContaining({ code, reason }),
      ]);
    },
  );

  test('with everything that is in it under 8 KB, counted as HTTP/2 counts it', async () => {
    const violations = Array.from({ length: 60 }, (_, index) => ({
      field: `${'語'.repeat(150)}${index}`,
      description: '語'.repeat(400),
    }));
    const failing = await startGrpc({
      ListRegions: async ({ responseMetadata }) => {
        responseMetadata.set('x-vultr-attempts', '13');
        responseMetadata.set('x-cache', 'REVALIDATED');
        throw CallError.invalid(violations, { retryDelayMs: 2 ** 31, reached: 'no' });
      },
    });
    const requestId = 'r'.repeat(128);
    const { call } = connectHttp2(failing.address);
    const { trailers } = await call(cloudPath('ListRegions'), [EMPTY], { 'x-request-id': requestId });
    expect(trailers).toMatchObject({ 'x-request-id': requestId, 'grpc-retry-pushback-ms': '2147483647' });
    // RFC 9113, section 6.5.2: name, value, and 32 bytes for each.
    const size = Object.entries(trailers).map(([name, value]) => name.length + String(value).length + 32);
    expect(size.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(8_192);
  });

  test('with the pushback of RetryInfo, in whole milliseconds', async () => {
    const { call } = connectHttp2(server().address);
    const { trailers } = await call(cloudPath('ListInstances'), [EMPTY]);
    expect(trailers['grpc-retry-pushback-ms']).toBe('1235');
  });

  test.each([
    ['application/json', 'POST', 415],
    ['application/grpc-web+proto', 'POST', 415],
    ['application/grpc', 'GET', 405],
  ])('in terms of HTTP, too, when it is not gRPC: %s, %s', async (contentType, method, httpStatus) => {
    const { call } = connectHttp2(server().address);
    const headers = { ':method': method, 'content-type': contentType };
    const ending = await call(cloudPath('ListRegions'), [EMPTY], headers);
    expect(ending).toMatchObject({ isTrailersOnly: true, httpStatus, status: status.INVALID_ARGUMENT });
  });

  test('and calls that are no rpc share one label in the metrics', async () => {
    const { call } = connectHttp2(server().address);
    await call('/made.up/Method', [EMPTY]);
    const { text } = server().metrics.render();
    expect(text).toMatch(/rpc_method="_OTHER",rpc_status_code="UNIMPLEMENTED",rpc_system_name="grpc"/);
    expect(text).not.toContain('made.up');
  });
});

test.each(['5S', '100m', '597H', '99999999H', '2147484S', '99999999S'])(
  'a call with the grpc-timeout %s is served',
  async (timeout) => {
    const { call } = connectHttp2(server().address);
    const ending = await call(cloudPath('ListRegions'), [EMPTY], { 'grpc-timeout': timeout });
    expect(ending).toMatchObject({ status: status.OK, isTrailersOnly: false });
  },
);

test.each([
  ['gzip', gzipSync(EMPTY), true],
  ['gzip', EMPTY, false],
  ['identity', EMPTY, false],
] as const)('a message in %s is read', async (encoding, bytes, isCompressed) => {
  const { open } = connectHttp2(server().address);
  const { stream, ending } = open(cloudPath('ListRegions'), { 'grpc-encoding': encoding });
  stream.resume();
  stream.end(frame(bytes, isCompressed));
  expect((await ending).status).toBe(status.OK);
});

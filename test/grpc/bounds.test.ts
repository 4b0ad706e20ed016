import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { resolveGrpcLimits } from '../../src/grpc/limits.ts';
import { Payload } from '../../src/payload/payload.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { closeAtEnd } from '../support/opened.ts';
import { connectHttp2, frame, type RawCall, type RawHttp2 } from '../support/raw-http2.ts';

const EMPTY = new Uint8Array();
const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const MIB = 1024 * 1024;
const never = (): Promise<never> => new Promise(() => undefined);
const fine = async () => structReply(Payload.of({ ok: true }));
const large = async () => structReply(Payload.of({ text: 'x'.repeat(100_000) }));

/** Begins a request of `size` bytes and sends all of it but the last byte. */
function unfinished({ open }: RawHttp2, size: number): RawCall {
  const call = open(cloudPath('ListRegions'));
  call.stream.resume();
  call.stream.write(frame(Buffer.alloc(size)).subarray(0, -1));
  return call;
}

function isHealthy(address: string): Promise<number | undefined> {
  return connectHttp2(address)
    .call(CHECK, [EMPTY])
    .then((ending) => ending.status);
}

test('a bound that is not a positive integer is refused at start', () => {
  expect(() => resolveGrpcLimits({ maxCalls: 0 })).toThrow('GrpcLimits.maxCalls is 0');
});

describe('a request', () => {
  test('that does not arrive in time is refused', async () => {
    const { address, log } = await startGrpc({ ListRegions: fine }, { limits: { requestTimeoutMs: 100 } });
    const connection = connectHttp2(address);
    const endings = [connection.open(cloudPath('ListRegions')), unfinished(connection, 1_000)];
    for (const { stream, ending } of endings) {
      stream.resume();
      expect(await ending).toMatchObject({ isTrailersOnly: true, status: status.DEADLINE_EXCEEDED });
    }
    expect(log.lines({ reason: 'REQUEST_TIMEOUT' })).toHaveLength(2);
    expect(await connection.call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({ status: 0 });
  });

  test('in a conversation may never begin, but must arrive in time once it has begun', async () => {
    const { address } = await startGrpc({}, { limits: { requestTimeoutMs: 200 } });
    const { stream, ending } = connectHttp2(address).open(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    );
    const list = frame(Buffer.from([0x3a, 0]));
    stream.write(list);
    await once(stream, 'data');
    await sleep(300);
    stream.write(list);
    await once(stream, 'data');
    stream.write(list.subarray(0, 6));
    stream.resume();
    expect((await ending).status).not.toBe(status.OK);
  });

  test('makes the oldest unfinished one of its connection go when they hold too many bytes', async () => {
    const limits = { maxRequestBytesPerConnection: 4.5 * MIB };
    const { address, log } = await startGrpc({ ListRegions: fine }, { limits });
    const connection = connectHttp2(address);
    const calls = Array.from({ length: 5 }, () => unfinished(connection, MIB));
    expect(await calls[0]?.ending).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
      isTrailersOnly: true,
      trailers: expect.objectContaining({
        'grpc-retry-pushback-ms': expect.stringMatching(/^(1\d{3}|2000)$/),
      }),
    });
    expect(log.lines({ reason: 'TOO_MANY_REQUESTS' })).toHaveLength(1);
    calls[4]?.stream.end(Buffer.alloc(1));
    // It is padding that no message may have; what counts is that it got through to be read.
    expect((await calls[4]?.ending)?.status).toBe(status.INVALID_ARGUMENT);
  });

  test('of a modest connection stays when a greedy one exceeds the bound of all', async () => {
    const limits = { maxRequestBytes: 5 * MIB, maxRequestBytesPerConnection: 5 * MIB };
    const { address } = await startGrpc({ ListRegions: fine }, { limits });
    const modest = unfinished(connectHttp2(address), MIB / 2);
    const greedy = connectHttp2(address);
    const calls = Array.from({ length: 5 }, () => unfinished(greedy, MIB));
    expect(await calls[0]?.ending).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
    modest.stream.end(Buffer.alloc(1));
    expect((await modest.ending).status).toBe(status.INVALID_ARGUMENT);
  });

  test('that is inflated counts with its inflated size', async () => {
    const limits = { maxRequestBytesPerConnection: 4 * MIB };
    const { address, log } = await startGrpc({ ListRegions: never }, { limits });
    const { open } = connectHttp2(address);
    // An unknown field with two million zeros: 2 KB compressed.
    const head = Buffer.from([0xa2, 0x38, 0x80, 0x89, 0x7a]);
    const bytes = frame(gzipSync(Buffer.concat([head, Buffer.alloc(2_000_000)])), true);
    const calls = Array.from({ length: 4 }, () => {
      const call = open(cloudPath('ListRegions'), { 'grpc-encoding': 'gzip' });
      call.stream.resume();
      call.stream.end(bytes);
      return call;
    });
    await Promise.race(calls.map(({ ending }) => ending));
    expect(log.lines({ reason: 'TOO_MANY_REQUESTS' }).length).toBeGreaterThan(0);
  });
});

describe('calls', () => {
  test('over the bound of all are refused, the health is not', async () => {
    const { address } = await startGrpc({ ListRegions: never }, { limits: { maxCalls: 10 } });
    const { open, call } = connectHttp2(address);
    for (let index = 0; index < 10; index += 1) open(cloudPath('ListRegions')).stream.end(frame(EMPTY));
    // By then they have arrived.
    expect(await isHealthy(address)).toBe(status.OK);
    expect(await call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
      trailers: expect.objectContaining({
        'grpc-retry-pushback-ms': expect.stringMatching(/^(1\d{3}|2000)$/),
      }),
    });
    expect(await call(CHECK, [EMPTY])).toMatchObject({ status: status.OK });
  });

  test('whose requests do not arrive make room for those that do', async () => {
    const { address } = await startGrpc({ ListRegions: fine }, { limits: { maxCalls: 10 } });
    const crowd = connectHttp2(address);
    const calls = Array.from({ length: 10 }, () => unfinished(crowd, 100));
    expect(await isHealthy(address)).toBe(status.OK);
    expect(await connectHttp2(address).call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({ status: 0 });
    expect(await calls[0]?.ending).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
  });

  test.each([
    [{ maxHealthWatchesPerConnection: 3 }, 1],
    [{ maxHealthWatches: 3 }, 3],
  ])('that watch the health are bounded (%o)', async (limits, connections) => {
    const { address } = await startGrpc({}, { limits });
    const opened = Array.from({ length: connections }, () => connectHttp2(address));
    for (let index = 0; index < 3; index += 1) {
      const { stream, response } = (opened[index % connections] ?? connectHttp2(address)).open(WATCH);
      stream.end(frame(EMPTY));
      expect((await response)['grpc-status']).toBeUndefined();
    }
    const { call } = opened[0] ?? connectHttp2(address);
    expect(await call(WATCH, [EMPTY])).toMatchObject({ status: status.RESOURCE_EXHAUSTED });
  });
});

describe('a reply', () => {
  test('that is not read in time costs its caller the call, not the connection', async () => {
    const { address, log } = await startGrpc({ ListRegions: large }, { limits: { replyTimeoutMs: 100 } });
    const connection = connectHttp2(address, 0);
    const { stream, ending } = connection.open(cloudPath('ListRegions'));
    stream.end(frame(EMPTY));
    stream.resume();
    expect((await ending).status).toBeUndefined();
    expect(log.lines({ reason: 'CALL_CANCELLED' })).toHaveLength(1);
    expect(connection.session.destroyed).toBe(false);
    expect(await isHealthy(address)).toBe(status.OK);
  });

  test('waits for room, and gets it from those that are left unread', async () => {
    const limits = { maxReplyBytes: 250_000, maxReplyBytesPerConnection: 250_000 };
    const { address, log } = await startGrpc({ ListRegions: large }, { limits });
    const deaf = connectHttp2(address, 0);
    const unread = Array.from({ length: 5 }, () => deaf.open(cloudPath('ListRegions')));
    for (const { stream } of unread) stream.end(frame(EMPTY));
    await unread[1]?.response;
    expect(await isHealthy(address)).toBe(status.OK);
    expect(await connectHttp2(address).call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({ status: 0 });
    expect(log.lines({ reason: 'CALL_CANCELLED' }).length).toBeGreaterThan(0);
  });

  test('is given up when as many as may wait for room already', async () => {
    const limits = {
      maxReplyBytes: 250_000,
      maxReplyBytesPerConnection: 250_000,
      maxWaitingReplyBytes: 250_000,
    };
    const { address, log } = await startGrpc({ ListRegions: large }, { limits });
    const deaf = connectHttp2(address, 0);
    const calls = Array.from({ length: 5 }, () => deaf.open(cloudPath('ListRegions')));
    for (const { stream } of calls) stream.end(frame(EMPTY));
    const { resetCode } = await Promise.race(calls.map(({ ending }) => ending));
    expect(resetCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // The two that were written are not touched.
    expect(log.lines({ reason: 'CALL_CANCELLED' })).toMatchObject([
      { error: expect.stringContaining('no room') },
    ]);
    expect(await isHealthy(address)).toBe(status.OK);
  });

  test('is not lost when many callers who read get theirs at the same moment', async () => {
    const go = Promise.withResolvers<void>();
    const limits = { maxReplyBytes: 500_000, maxReplyBytesPerConnection: 500_000 };
    const { address } = await startGrpc({ ListRegions: () => go.promise.then(large) }, { limits });
    const { call } = connectHttp2(address);
    const calls = Array.from({ length: 200 }, () => call(cloudPath('ListRegions'), [EMPTY]));
    await isHealthy(address);
    go.resolve();
    const endings = await Promise.all(calls);
    expect(new Set(endings.map((ending) => ending.status))).toEqual(new Set([status.OK]));
  });
});

describe('connections', () => {
  test('that are idle make room for new ones, the longest idle first', async () => {
    const { address } = await startGrpc({ ListRegions: fine }, { limits: { maxConnections: 2 } });
    const [first, second] = [connectHttp2(address), connectHttp2(address)];
    for (const { call } of [first, second]) await call(CHECK, [EMPTY]);
    await sleep(600);
    expect(await connectHttp2(address).call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({ status: 0 });
    await first.ended;
    expect(second.session.closed).toBe(false);
  });

  test('of a crowd do not keep a probe out, and other calls are told to come back', async () => {
    const { address } = await startGrpc(
      { ListRegions: never },
      { limits: { maxConnections: 3, maxSpareConnections: 2 } },
    );
    const crowd = Array.from({ length: 3 }, () => connectHttp2(address));
    for (const { open, session } of crowd) {
      open(cloudPath('ListRegions')).stream.end(frame(EMPTY));
      await once(session, 'remoteSettings');
    }
    const spare = connectHttp2(address);
    expect(await spare.call(cloudPath('ListRegions'), [EMPTY])).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
      trailers: expect.objectContaining({
        'grpc-retry-pushback-ms': expect.stringMatching(/^(1\d{3}|2000)$/),
      }),
    });
    for (let probe = 0; probe < 5; probe += 1) expect(await isHealthy(address)).toBe(status.OK);
    crowd[0]?.session.destroy();
    await crowd[0]?.ended;
    await expect
      .poll(async () => (await connectHttp2(address).call(WATCH.replace('Watch', 'List'), [EMPTY])).status)
      .toBe(0);
  });

  test('that say nothing do not keep anybody out', async () => {
    const { address } = await startGrpc(
      { ListRegions: fine },
      { limits: { maxConnections: 5, maxSpareConnections: 5 } },
    );
    const [host = '', port] = address.split(':');
    for (let index = 0; index < 50; index += 1) {
      const socket = connect(Number(port), host);
      socket.on('error', () => undefined);
      closeAtEnd(() => socket.destroy());
      await once(socket, 'connect');
    }
    expect(await isHealthy(address)).toBe(status.OK);
  });

  test('without a call are closed after their time', async () => {
    const { address } = await startGrpc({}, { limits: { connectionIdleMs: 100 } });
    const { ended, call } = connectHttp2(address);
    expect(await call(CHECK, [EMPTY])).toMatchObject({ status: 0 });
    await ended;
  });
});

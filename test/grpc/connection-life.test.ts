import { once } from 'node:events';
import { constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { connectRaw } from '../support/raw-client.ts';
import { connectHttp2, type RawHttp2 } from '../support/raw-http2.ts';

const EMPTY = new Uint8Array();
const HIGHEST_STREAM = 2 ** 31 - 1;
const fine = async () => structReply(Payload.of({ ok: true }));

/** What a connection is told when it has to go: codes and last streams. */
function goawaysOf({ session }: RawHttp2): [number, number, string][] {
  const told: [number, number, string][] = [];
  session.on('goaway', (code, lastStream, data?: Buffer) =>
    told.push([code, lastStream, data?.toString() ?? '']),
  );
  return told;
}

describe('a connection that has reached its age', () => {
  test('is given notice before it takes no more calls, and its calls in progress end well', async () => {
    const proceed = Promise.withResolvers<void>();
    const slow = async () => {
      await proceed.promise;
      return await fine();
    };
    const { address } = await startGrpc({ ListRegions: slow }, { life: { maxAgeMs: 100 } });
    const connection = connectHttp2(address);
    const told = goawaysOf(connection);
    const call = connection.call(cloudPath('ListRegions'), [EMPTY]);
    await expect.poll(() => told.length).toBe(2);
    expect(told).toEqual([
      [constants.NGHTTP2_NO_ERROR, HIGHEST_STREAM, ''],
      [constants.NGHTTP2_NO_ERROR, 1, ''],
    ]);
    proceed.resolve();
    expect((await call).status).toBe(status.OK);
    await connection.ended;
  });

  test('ends its streams after the grace, with a reason to call again', async () => {
    const { address } = await startGrpc({}, { life: { maxAgeMs: 100, ageGraceMs: 100 } });
    const watch = connectRaw(address).stream('/grpc.health.v1.Health/Watch', EMPTY);
    await watch.next();
    expect(await failureOf(watch.next())).toMatchObject({
      code: 'UNAVAILABLE',
      info: { reason: 'CONNECTION_TOO_OLD', domain: 'vultr-grpc' },
      retryDelayMs: expect.any(Number),
    });
  });

  test('is replaced by its client without a lost call', async () => {
    const { address } = await startGrpc({ ListRegions: fine }, { life: { maxAgeMs: 100 } });
    const client = connectRaw(address);
    const until = Date.now() + 1_000;
    while (Date.now() < until) {
      await client.unary(cloudPath('ListRegions'), EMPTY);
      await sleep(1);
    }
  });
});

describe('a client that pings', () => {
  const life = { keepaliveMinTimeMs: 60_000 };
  const ping = ({ session }: RawHttp2): Promise<void> =>
    new Promise((resolve) => {
      session.ping(() => resolve());
    });

  test('too often is told to go, as gRPC says it', async () => {
    const { address } = await startGrpc({}, { life });
    const connection = connectHttp2(address);
    await once(connection.session, 'remoteSettings');
    const told = goawaysOf(connection);
    for (let count = 0; count < 4; count += 1) await ping(connection);
    expect(told).toEqual([]);
    await ping(connection);
    await connection.ended;
    expect(told[0]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, 'too_many_pings']);
  });

  test('after each reply, as clients measure a connection, goes on', async () => {
    const { address } = await startGrpc({ ListRegions: fine }, { life });
    const connection = connectHttp2(address);
    for (let count = 0; count < 10; count += 1) {
      expect((await connection.call(cloudPath('ListRegions'), [EMPTY])).status).toBe(status.OK);
      await ping(connection);
    }
  });

  test('no more often than it may goes on', async () => {
    const { address } = await startGrpc({}, { life: { keepaliveMinTimeMs: 1 } });
    const connection = connectHttp2(address);
    for (let count = 0; count < 10; count += 1) {
      await ping(connection);
      await sleep(5);
    }
    expect(connection.session.closed).toBe(false);
  });
});

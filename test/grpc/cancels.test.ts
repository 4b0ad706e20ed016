import { constants } from 'node:http2';
import { setImmediate } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import type { Reply } from '../../src/rpc/call.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { connectHttp2, frame, type RawHttp2 } from '../support/raw-http2.ts';

const REQUEST = frame(new Uint8Array());

/** Begins a call and cancels it at once, so many times, or until the connection has ended. */
async function cancelCalls({ session, open }: RawHttp2, count: number): Promise<number> {
  let made = 0;
  for (; made < count && !session.closed && !session.destroyed; made += 1) {
    const { stream } = open(cloudPath('ListRegions'));
    stream.write(REQUEST);
    stream.close(constants.NGHTTP2_CANCEL);
    // The requests have to leave before the next ones are made.
    if (made % 100 === 99) await setImmediate();
  }
  return made;
}

test('5 000 cancelled calls on one connection do not disturb another call on it', async () => {
  const reply = Promise.withResolvers<Reply>();
  const { address } = await startGrpc({
    ListInstances: () => reply.promise,
    ListRegions: () => new Promise(() => undefined),
  });
  const connection = connectHttp2(address);
  const { stream, ending } = connection.open(cloudPath('ListInstances'));
  stream.resume();
  stream.end(REQUEST);
  expect(await cancelCalls(connection, 5_000)).toBe(5_000);
  reply.resolve(structReply(Payload.of({ ok: true })));
  expect(await ending).toMatchObject({ status: status.OK });
  const { call } = connection;
  expect(await call('/grpc.health.v1.Health/Check', [new Uint8Array()])).toMatchObject({ status: status.OK });
});

test('a flood of cancelled calls ends its connection, and no other one', async () => {
  const { address } = await startGrpc(
    { ListRegions: () => new Promise(() => undefined) },
    { limits: { cancelBurst: 1_000, cancelsPerSecond: 100 } },
  );
  const bystander = connectHttp2(address);
  const flood = connectHttp2(address);
  const made = await cancelCalls(flood, 100_000);
  await flood.ended;
  expect(made).toBeLessThan(100_000);
  expect(await bystander.call('/grpc.health.v1.Health/Check', [new Uint8Array()])).toMatchObject({
    status: 0,
  });
});

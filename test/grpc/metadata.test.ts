import { once } from 'node:events';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { beforeEach, describe, expect, test } from 'vitest';
import { Payload } from '../../src/payload/payload.ts';
import { structReply } from '../../src/rpc/reply.ts';
import { cloudPath, startGrpc } from '../support/grpc-server.ts';
import { openForFile } from '../support/opened.ts';
import { connectHttp2, frame } from '../support/raw-http2.ts';

const EMPTY = new Uint8Array();
const small = structReply(Payload.of({ ok: true }));
const large = structReply(Payload.of({ text: 'x'.repeat(1_000_000) }));
let seen: ReadonlyMap<string, string> = new Map();

const server = openForFile(() =>
  startGrpc({
    ListRegions: (call) => {
      seen = call.metadata;
      call.responseMetadata.set('x-plain', 'a, b');
      call.responseMetadata.set('x-one-bin', 'AP8=, AQ==');
      call.responseMetadata.set('x-unprintable', 'ü');
      return small;
    },
    ListPlans: (call) => {
      call.responseTrailers?.set('x-after', 'the message');
      call.responseTrailers?.set('x-after-bin', 'AP8=');
      return small;
    },
    ListInstances: () => large,
  }),
);

beforeEach(() => {
  seen = new Map();
});

/** Calls an rpc of CloudService with an empty message. */
async function call(rpc: string, headers: Readonly<Record<string, string>> = {}) {
  const { stream, response, ending } = connectHttp2(server().address).open(cloudPath(rpc), headers);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(frame(EMPTY));
  const received: IncomingHttpHeaders = await response;
  return { headers: received, ending: await ending, body: Buffer.concat(chunks) };
}

describe('of a request', () => {
  test('reaches the handler without what belongs to the transport', async () => {
    await call('ListRegions', {
      'x-mine': 'a',
      'user-agent': 'test',
      'grpc-timeout': '5S',
      'grpc-encoding': 'gzip',
      'grpc-accept-encoding': 'gzip',
      'accept-encoding': 'gzip',
    });
    expect(Object.fromEntries(seen)).toEqual({ 'x-mine': 'a', 'user-agent': 'test' });
  });

  test('has its binary values without padding, and several of one name together', async () => {
    await call('ListRegions', { 'x-one-bin': 'AP8=,AQ==', 'x-other-bin': 'AP8' });
    expect(Object.fromEntries(seen)).toEqual({ 'x-one-bin': 'AP8, AQ', 'x-other-bin': 'AP8' });
  });

  test('loses names and values that gRPC does not allow', async () => {
    await call('ListRegions', { 'x-unprintable': 'ü', 'x!name': 'a', 'x-fine': '' });
    expect(Object.fromEntries(seen)).toEqual({ 'x-fine': '' });
  });
});

describe('of a response', () => {
  test('goes before the message, but for values that gRPC does not allow', async () => {
    const { headers, ending, body } = await call('ListRegions', { 'x-request-id': 'mine' });
    expect(headers).toMatchObject({
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'x-request-id': 'mine',
      'x-plain': 'a, b',
      'x-one-bin': 'AP8, AQ',
    });
    expect(headers).not.toHaveProperty('x-unprintable');
    expect(body).toEqual(frame(small.toBinary()));
    expect(Object.fromEntries(Object.entries(ending.trailers))).toEqual({
      'grpc-status': '0',
      'grpc-message': '',
    });
  });

  test('goes after the message, with the status, where it is trailers', async () => {
    const { ending, body } = await call('ListPlans');
    expect(body).toEqual(frame(small.toBinary()));
    expect(Object.fromEntries(Object.entries(ending.trailers))).toEqual({
      'grpc-status': '0',
      'grpc-message': '',
      'x-after': 'the message',
      'x-after-bin': 'AP8',
    });
  });
});

test('a reply that its caller resets halfway leaves the connection well', async () => {
  const { open, call: callWhole } = connectHttp2(server().address, 1_000);
  const { stream, ending } = open(cloudPath('ListInstances'));
  stream.end(frame(EMPTY));
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  expect(await ending).toMatchObject({ status: undefined, resetCode: constants.NGHTTP2_CANCEL });
  expect(await callWhole(cloudPath('ListInstances'), [EMPTY])).toMatchObject({ status: 0 });
});

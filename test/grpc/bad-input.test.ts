import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CreateInstanceRequest, GetInstanceRequest } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { heldMb } from '../support/held-memory.ts';
import { closeAtEnd, openForFile } from '../support/opened.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const CLOUD = '/vultr.cloud.v1.CloudService/';
const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

const opened = openForFile(() => startOnSandbox());
let service: ReturnType<typeof opened>;
let raw: RawClient;
const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', onRejection);
  service = opened();
  service.sandbox.reset();
  raw = connectRaw(service.app.grpcAddress);
  // Whatever a test did, the service answers afterwards, and nothing has slipped through.
  closeAtEnd(async () => {
    expect((await service.client.ask('getInstance', { instance_id: ID })).value).toHaveProperty('instance');
    expect(rejections).toEqual([]);
  });
});
afterEach(() => void process.off('unhandledRejection', onRejection));

function authorized(): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${KEY}`);
  return metadata;
}

describe('a message', () => {
  test('that is garbage is refused with a fixed text', async () => {
    for (const bytes of [
      Buffer.from([0xff]),
      Buffer.alloc(5_000, 0xff),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ]) {
      const failure = await failureOf(raw.unary(`${CLOUD}GetInstance`, bytes, authorized()));
      expect(failure).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'The request is not a valid vultr.cloud.v1.GetInstanceRequest message.',
        info: { reason: 'MALFORMED_MESSAGE', domain: 'vultr-grpc' },
      });
    }
    expect(service.sandbox.requests.count()).toBe(0);
  });

  test('over 4 MB is refused, one just under it is not', async () => {
    const padded = (size: number): Uint8Array =>
      new BinaryWriter()
        .raw(GetInstanceRequest.encode(GetInstanceRequest.fromPartial({ instance_id: ID })).finish())
        .tag(900, WireType.LengthDelimited)
        .bytes(new Uint8Array(size))
        .finish();
    const fine = await raw.unary(`${CLOUD}GetInstance`, padded(4 * 1024 * 1024 - 100), authorized());
    expect(fine.length).toBeGreaterThan(100);
    const failure = await failureOf(
      raw.unary(`${CLOUD}GetInstance`, padded(4 * 1024 * 1024 + 100), authorized()),
    );
    expect(failure.code).toBe('RESOURCE_EXHAUSTED');
    const stream = raw.stream(`${CLOUD}WatchInstance`, padded(5 * 1024 * 1024));
    expect((await failureOf(stream.next())).code).toBe('RESOURCE_EXHAUSTED');
  });

  test('with many faults gets all of them reported at once', async () => {
    const failure = await failureOf(raw.unary(`${CLOUD}CreateInstance`, new Uint8Array(), authorized()));
    expect(failure).toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: { region: expect.any(String), plan: expect.any(String) },
      info: { reason: 'INVALID_REQUEST', domain: 'vultr-grpc', metadata: { http_status: '400' } },
    });
    expect(service.sandbox.requests.count()).toBe(0);
  });

  test('with text that is not UTF-8 is refused', async () => {
    const bytes = new BinaryWriter()
      .tag(2, WireType.LengthDelimited)
      .bytes(Buffer.from('ff', 'hex'))
      .finish();
    const failure = await failureOf(raw.unary(`${CLOUD}GetInstance`, bytes, authorized()));
    expect(failure.info?.reason).toBe('MALFORMED_MESSAGE');
  });
});

test('a malformed id never reaches Vultr', async () => {
  const ids = [
    ...['', '.', '..', '%2e%2e', 'a/b', '../../account', '?x', '#', `${ID}/halt`, `${ID}?x=1`, `${ID}#`],
    ...[` ${ID}`, `${ID}\n`, `${ID}\u0000`, 'ключ', '\u{1F4A9}', 'x'.repeat(100_000), '{instance_id}', '*'],
  ];
  for (const instance_id of ids) {
    for (const rpc of ['getInstance', 'haltInstance', 'terminateInstance'] as const) {
      const failure = await failureOf(service.client.ask(rpc, { instance_id }));
      expect(failure, instance_id).toMatchObject({
        code: 'INVALID_ARGUMENT',
        violations: { instance_id: expect.any(String) },
      });
    }
    const watch = service.client.watch({ instance_id });
    expect((await failureOf(watch.next())).code).toBe('INVALID_ARGUMENT');
  }
  expect(service.sandbox.requests.count()).toBe(0);
});

test('text of any kind arrives at Vultr as it is, and never leads to another endpoint', async () => {
  const labels = ['../..', 'a&b=c', '💾 ключ', 'a%2Fb', '"\\\u0000\u001f', '\u202e', '＇', '?x#y'];
  for (const label of labels) {
    const request = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124', label };
    const { value } = await service.client.ask('createInstance', request);
    expect(value).toMatchObject({ instance: { label } });
    const region = await failureOf(service.client.ask('listPlans', { region: label }));
    expect(region.code).toBe('NOT_FOUND');
  }
  const paths = new Set(
    service.sandbox.requests.list().map(({ path }) => path.split('/').slice(0, 3).join('/')),
  );
  expect([...paths].sort()).toEqual(['/v2/instances', '/v2/plans', '/v2/regions']);
});

test('half a surrogate pair, which clients send as U+FFFD, does no harm', async () => {
  const request = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124', label: 'a\ud800b' };
  const bytes = CreateInstanceRequest.encode(CreateInstanceRequest.fromPartial(request)).finish();
  await expect(raw.unary(`${CLOUD}CreateInstance`, bytes, authorized())).resolves.toBeInstanceOf(Buffer);
});

describe('things that do not exist', () => {
  test.each([
    '/vultr.cloud.v1.CloudService/Nothing',
    '/no.such.Service/ListRegions',
    '/vultr.cloud.v1.CloudService/listRegions',
    '/vultr.cloud.v1.CloudService/ListRegions/',
    '/__proto__/constructor',
    '/',
  ])('is UNIMPLEMENTED: %s', async (path) => {
    expect((await failureOf(raw.unary(path, new Uint8Array()))).code).toBe('UNIMPLEMENTED');
  });
});

describe('metadata', () => {
  test('of 200 pairs or of 100 KB ends the call, not the service', async () => {
    const many = authorized();
    for (let index = 0; index < 200; index += 1) many.set(`x-pair-${index}`, 'x');
    const large = authorized();
    large.set('x-large', 'x'.repeat(100_000));
    for (const metadata of [many, large]) {
      const failure = await failureOf(raw.unary(`${CLOUD}ListRegions`, new Uint8Array(), metadata));
      expect(['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'INTERNAL', 'CANCELLED']).toContain(failure.code);
    }
  });

  test('that is odd is of no consequence', async () => {
    const metadata = authorized();
    metadata.set('x-request-id', 'a b "c"');
    metadata.set('x-binary-bin', Buffer.from([0, 255]));
    metadata.add('x-twice', 'a');
    metadata.add('x-twice', 'b');
    metadata.set('constructor', 'x');
    metadata.set('__proto__', 'x');
    await expect(raw.unary(`${CLOUD}ListRegions`, new Uint8Array(), metadata)).resolves.toBeInstanceOf(
      Buffer,
    );
  });
});

describe('a connection', () => {
  test('that speaks something else is closed', async () => {
    for (const text of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      '\u0016\u0003\u0001garbage',
      'x'.repeat(100_000),
    ]) {
      const socket = createConnection(Number(service.app.grpcAddress.split(':')[1]), '127.0.0.1');
      closeAtEnd(() => socket.destroy());
      const closed = new Promise((resolve) => socket.once('close', resolve));
      // A reset is an end as well.
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(text);
      await closed;
    }
  });

  test('that is cut in the middle of a message, or of a call, leaves nothing behind', async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('00000003e8', 'hex'),
      Buffer.from('0000000003ff', 'hex'),
    ]) {
      const session = connect(`http://${service.app.grpcAddress}`);
      session.on('error', () => undefined);
      closeAtEnd(() => session.destroy());
      const stream = session.request({
        ':method': 'POST',
        ':path': `${CLOUD}GetInstance`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => undefined);
      stream.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 10));
      session.destroy();
    }
  });

  test('with a compressed flag and no compression, or an unknown one, gets a status', async () => {
    for (const [encoding, flag] of [
      ['snappy', 1],
      ['gzip', 1],
    ] as const) {
      const session = connect(`http://${service.app.grpcAddress}`);
      closeAtEnd(() => session.destroy());
      const stream = session.request({
        ':method': 'POST',
        ':path': `${CLOUD}ListRegions`,
        'content-type': 'application/grpc',
        'grpc-encoding': encoding,
        te: 'trailers',
      });
      const status = new Promise<unknown>((resolve) => {
        stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
        stream.on(
          'response',
          (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']),
        );
      });
      stream.resume();
      stream.end(Buffer.concat([Buffer.from([flag, 0, 0, 0, 4]), Buffer.from('junk')]));
      expect(Number(await status)).toBeGreaterThan(0);
      session.destroy();
    }
  });
});

test('the memory is flat after thousands of refusals', async () => {
  const garbage = Buffer.alloc(1_000, 0xff);
  const burst = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(
        Array.from({ length: 20 }, () =>
          failureOf(raw.unary(`${CLOUD}CreateInstance`, garbage, authorized())),
        ),
      );
    }
  };
  await burst(20);
  const before = heldMb();
  await burst(100);
  // The log lives in this process, too, with some 1 400 bytes for each.
  expect(heldMb() - before).toBeLessThan(6);
});

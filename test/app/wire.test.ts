import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { type HttpReply, sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { connectHttp2, type RawEnding } from '../support/raw-http2.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

const opened = openForFile(() => startOnSandbox({ httpListen: { host: '127.0.0.1', port: 0 }, apiKey: KEY }));

function ask(line: string, body?: unknown): Promise<HttpReply> {
  const [method = '', target = ''] = line.split(' ');
  return sendHttp(opened().app.httpAddress ?? '', method, target, body);
}

async function call(path: string, write: (writer: BinaryWriter) => unknown): Promise<RawEnding> {
  const writer = new BinaryWriter();
  write(writer);
  return await connectHttp2(opened().app.grpcAddress).call(path, [writer.finish()]);
}

describe('a query', () => {
  test('with a misspelt name is refused by name, with the name that was probably meant', async () => {
    const { status: code, text } = await ask('GET /api/instances?lable=web');
    expect(code).toBe(400);
    expect(text).toContain('"field":"lable","description":"Unknown query parameter. Did you mean label?"');
  });

  test.each([
    'GET /api/regions??per_page=2',
    'GET /api/regions?secretId=S&secretKey=K',
    'GET /api/images?secretId=S&secretKey=K&accessToken=T',
    'GET /api/instance-types??secretId=S&secretKey=K&accessToken=T',
    'GET /api/instances?secretId=S&secretKey=K&accessToken=T',
  ])('as the original README writes it is taken: %s', async (line) => {
    expect((await ask(line)).status).toBe(200);
  });

  test.each(['labels[env]=x', 'label[env]=x', 'label.x=1', 'until.status.x=active'])(
    'that leads nowhere is refused, not dropped: %s',
    async (query) => {
      expect((await ask(`GET /api/instances?${query}`)).status).toBe(400);
    },
  );
});

describe('a path', () => {
  test.each(['/nothing', '/api', '/api/nothing', '/api/instances/x/y', '/nothing/'])(
    'that leads nowhere is 404 with NOT_FOUND: %s',
    async (path) => {
      const reply = await ask(`GET ${path}`);
      expect([reply.status, JSON.parse(reply.text).code]).toEqual([404, status.NOT_FOUND]);
    },
  );

  test('with another method is 405', async () => {
    const reply = await ask('PATCH /api/instances');
    expect([reply.status, reply.headers['allow']]).toEqual([405, expect.stringContaining('GET')]);
  });
});

describe('a message', () => {
  const GET = '/vultr.cloud.v1.CloudService/GetInstance';
  const CREATE = '/vultr.v2.InstancesService/CreateInstance';
  const id = (writer: BinaryWriter): BinaryWriter => writer.tag(2, WireType.LengthDelimited).string(ID);

  test('with a known field of another wire type has an unknown field', async () => {
    const ending = await call(GET, (writer) => id(writer).tag(1, WireType.Varint).uint32(7));
    expect(ending.status).toBe(status.OK);
  });

  test('with a length over 2^32 is refused', async () => {
    const length = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
    const ending = await call(GET, (writer) => id(writer).raw(Uint8Array.of(0x0a)).raw(length));
    expect(ending.status).toBe(status.INVALID_ARGUMENT);
  });

  test('with an entry of a map whose key has another wire type has an entry without a key', async () => {
    const upstream = await startFakeUpstream(() => [200, { instance: { id: ID } }]);
    const { app } = await startService({ upstream: upstream.url, apiKey: KEY });
    const writer = new BinaryWriter();
    const text = (field: number, value: string): void => {
      writer.tag(field, WireType.LengthDelimited).string(value);
    };
    text(1, 'ams');
    text(2, 'vc2-1c-1gb');
    // app_variables: an entry whose key is the number 7, with the value "a".
    writer.tag(30, WireType.LengthDelimited).bytes(Uint8Array.of(0x08, 7, 0x12, 1, 0x61));
    const ending = await connectHttp2(app.grpcAddress).call(CREATE, [writer.finish()]);
    expect(ending.status).toBe(status.OK);
    expect(upstream.received.map(({ body }) => JSON.parse(body))).toEqual([
      { region: 'ams', plan: 'vc2-1c-1gb', app_variables: { '': 'a' } },
    ]);
  });
});

describe('a zero keeps its sign', () => {
  const body = '{"instance":{"a":-0,"b":[-0.0],"c":{"d":-0e5}}}';

  test('in a response, over both transports', async () => {
    const upstream = await startFakeUpstream(() => [200, body]);
    const settings = { upstream: upstream.url, httpListen: { host: '127.0.0.1', port: 0 }, apiKey: KEY };
    const { app, client } = await startService(settings);
    for (const path of [`/api/instances/${ID}`, `/v2/instances/${ID}`]) {
      expect((await sendHttp(app.httpAddress ?? '', 'GET', path)).text).toContain(body);
    }
    const zeros = { instance: { a: -0, b: [-0], c: { d: -0 } } };
    expect((await client.ask('getInstance', { instance_id: ID })).value).toEqual(zeros);
    const call = connectAnyRpc(app.grpcAddress);
    expect(await call('vultr.v2.InstancesService/GetInstance', { instanceId: ID })).toEqual(zeros);
  });

  test('in a request, over both transports', async () => {
    const upstream = await startFakeUpstream(() => [200, '{}']);
    const settings = { upstream: upstream.url, httpListen: { host: '127.0.0.1', port: 0 }, apiKey: KEY };
    const { app } = await startService(settings);
    const call = connectAnyRpc(app.grpcAddress);
    await call('vultr.v2.InstancesService/UpdateInstance', {
      instanceId: ID,
      additionalFields: { new: -0, list: [-0] },
    });
    await call('vultr.v2.RawService/Call', { method: 'PATCH', path: '/v2/new', body: { zero: -0 } });
    await sendHttp(app.httpAddress ?? '', 'PATCH', '/v2/new', { zero: JSON.rawJSON('-0') });
    expect(upstream.received.map(({ body }) => body)).toEqual([
      '{"new":-0,"list":[-0]}',
      '{"zero":-0}',
      '{"zero":-0}',
    ]);
  });
});

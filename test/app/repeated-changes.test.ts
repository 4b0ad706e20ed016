import { describe, expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { KEY, startService } from '../support/service.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const OTHER = '4f0f12e5-1f84-404f-aa84-85f431ea5ec2';

/** The service, before a Vultr that loses its first response to a change, and refuses the second as a test says. */
async function start(status: number, error: string) {
  const vultr = await startFakeUpstream((_request, index) =>
    index === 0 ? [503, { error: 'Try again later' }] : [status, { error, status }],
  );
  const service = await startService({ upstream: vultr.url, httpListen: { host: '127.0.0.1', port: 0 } });
  return {
    vultr,
    client: service.client,
    call: connectAnyRpc(service.app.grpcAddress),
    http: (line: string, body?: object) => {
      const [method = '', target = ''] = line.split(' ');
      const headers = { authorization: `Bearer ${KEY}` };
      return sendHttp(service.app.httpAddress ?? '', method, target, body, headers);
    },
  };
}

interface Change {
  readonly rpc: string;
  readonly request: Readonly<Record<string, string>>;
  readonly line: string;
}

const instances = 'vultr.v2.InstancesService';
const one = { instanceId: ID };
const DELETE: Change = {
  rpc: `${instances}/DeleteInstance`,
  request: one,
  line: `DELETE /v2/instances/${ID}`,
};
const HALT: Change = {
  rpc: `${instances}/HaltInstance`,
  request: one,
  line: `POST /v2/instances/${ID}/halt`,
};
const ATTACH: Change = {
  rpc: 'vultr.v2.VfsService/CreateVfsAttachment',
  request: { vfsId: ID, targetId: OTHER },
  line: `PUT /v2/vfs/${ID}/attachments/${OTHER}`,
};
const DETACH: Change = {
  rpc: 'vultr.v2.VfsService/DeleteVfsAttachment',
  request: { vfsId: ID, targetId: OTHER },
  line: `DELETE /v2/vfs/${ID}/attachments/${OTHER}`,
};
const PAUSE: Change = {
  rpc: 'vultr.v2.DatabasesService/PauseDatabaseConnector',
  request: { databaseId: ID, connectorName: 'c' },
  line: `POST /v2/databases/${ID}/connectors/c/pause`,
};

describe('a change whose first response was lost succeeds when the second says that it is done', () => {
  const done: readonly [string, Change, number, string][] = [
    ['gone', DELETE, 404, 'instance not found'],
    ['already halted', HALT, 400, 'Server is already stopped'],
    ['already attached', ATTACH, 409, 'Already attached.'],
    ['already detached', DETACH, 400, 'The file system is already detached'],
    ['detached, and so no longer there', DETACH, 404, 'Attachment not found'],
    ['already paused', PAUSE, 400, 'The connector is already paused'],
  ];

  test.each(done)('%s, below /v2', async (_what, { line }, status, error) => {
    const { vultr, http } = await start(status, error);
    const reply = await http(line);
    expect([reply.status, reply.text, reply.headers['x-vultr-attempts']]).toEqual([204, '', '2']);
    expect(vultr.received).toHaveLength(2);
  });

  test.each(done)('%s, in vultr.v2 over gRPC', async (_what, { rpc, request }, status, error) => {
    const { vultr, call } = await start(status, error);
    expect(await call(rpc, request)).toEqual({});
    expect(vultr.received).toHaveLength(2);
  });

  test('gone, through CloudService and /api, and the metadata says that it took two attempts', async () => {
    const { client } = await start(404, 'instance not found');
    const { value, metadata } = await client.ask('terminateInstance', { instance_id: ID });
    expect([value, metadata.get('x-vultr-attempts')]).toEqual([{}, ['2']]);
    const { http } = await start(404, 'instance not found');
    const reply = await http('PUT /api/instance/terminate', { instanceId: ID });
    expect([reply.status, reply.headers['x-vultr-attempts']]).toEqual([200, '2']);
  });

  test('halted, through CloudService', async () => {
    const { client } = await start(400, 'Server is already stopped');
    const { value, metadata } = await client.ask('haltInstance', { instance_id: ID });
    expect([value, metadata.get('x-vultr-attempts')]).toEqual([{}, ['2']]);
  });
});

test('a change whose first response was lost fails when the second says something else', async () => {
  const error = 'VFS is already attached to another server';
  const { call } = await start(409, error);
  expect((await failureOf(call(ATTACH.rpc, ATTACH.request))).message).toContain(error);
  const { http } = await start(409, error);
  expect((await http(ATTACH.line)).status).toBe(409);
});

test.each([
  `POST /v2/blocks/${ID}/attach`,
  `POST /v2/blocks/${ID}/detach`,
  `POST /v2/instances/${ID}/start`,
  `POST /v2/instances/${ID}/reboot`,
])('what is not safe to repeat is left to the caller: %s', async (line) => {
  const { http, vultr } = await start(400, 'Block storage is already attached');
  expect((await http(line, {})).status).toBe(503);
  expect(vultr.received).toHaveLength(1);
});

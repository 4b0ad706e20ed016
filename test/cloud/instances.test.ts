import { describe, expect, test } from 'vitest';
import { CreateInstanceRequest, ListInstancesRequest } from '../../src/gen/vultr/cloud/v1/cloud_service.ts';
import { connectCloud } from '../support/cloud-client.ts';
import { type FakeAnswer, type Received, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { startService } from '../support/service.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';

/** Every field of a create but the credential and the other sources to boot from. */
const EVERY_FIELD = {
  region: 'ams',
  plan: 'vc2-1c-1gb',
  script_id: 'script',
  label: 'label ключ',
  hostname: 'host',
  tags: ['a', 'b'],
  tag: 'a',
  sshkey_id: ['key'],
  user_data: 'dXNlcg==',
  backups: 'enabled',
  enable_ipv6: true,
  disable_public_ipv4: false,
  ddos_protection: false,
  activation_email: true,
  firewall_group_id: 'group',
  reserved_ipv4: 'reserved',
  user_scheme: 'limited',
  app_variables: { name: 'value', __proto__name: '' },
  enable_vpc: false,
  attach_vpc: ['vpc'],
  vpc_only: true,
  block_devices: [{ block_id: 'block', bootable: true, disk_size: 10, label: 'disk' }, {}],
  enable_vpc2: true,
  attach_vpc2: ['vpc2'],
  enable_private_network: false,
  attach_private_network: ['net'],
};
const SOURCES = {
  image_id: '124',
  os_id: 1,
  app_id: 1,
  iso_id: 'iso',
  snapshot_id: 'snap',
  ipxe_chain_url: 'url',
};

/** Fields that speak to this service, not to Vultr. */
const OWN_FIELDS = ['access_token', 'dry_run', 'request_id', 'secret_id', 'secret_key', 'wait'];

let answer: (request: Received, index: number) => FakeAnswer;
const opened = openForFile(async () => {
  const upstream = await startFakeUpstream((request, index) => answer(request, index));
  return { ...(await startService({ upstream: upstream.url })), upstream };
});

/** The service in front of an upstream that answers like this, and has not been asked yet. */
function start(answers: typeof answer = () => [202, { instance: { id: ID } }]): ReturnType<typeof opened> {
  answer = answers;
  opened().upstream.received.length = 0;
  return opened();
}

describe('CreateInstance', () => {
  test('the test below leaves no field out', () => {
    const known = [...Object.keys({ ...EVERY_FIELD, ...SOURCES }), ...OWN_FIELDS];
    const declared = Object.keys(CreateInstanceRequest.fromPartial({}));
    expect(known).toEqual(expect.arrayContaining(declared));
  });

  test('hands every field to Vultr unchanged, and the credential only as a header', async () => {
    const { client, upstream } = start();
    await client.ask('createInstance', { ...EVERY_FIELD, image_id: 'wordpress', access_token: 'FIELD-KEY' });
    const [request] = upstream.received;
    expect(request).toMatchObject({
      method: 'POST',
      url: '/v2/instances',
      authorization: 'Bearer FIELD-KEY',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({ ...EVERY_FIELD, image_id: 'wordpress' });
    expect(request?.body).not.toContain('FIELD-KEY');
  });

  test.each<[string, object, object | string[]]>([
    ['digits are an os_id', { image_id: '124' }, { os_id: 124 }],
    ['leading zeros do not matter', { image_id: '0124' }, { os_id: 124 }],
    ['the same said twice is said once', { image_id: '124', os_id: 124 }, { os_id: 124 }],
    ['anything else is a marketplace image', { image_id: 'wordpress' }, { image_id: 'wordpress' }],
    ['an application', { app_id: 41 }, { app_id: 41 }],
    ['an application with its pseudo system', { app_id: 41, os_id: 186 }, { app_id: 41, os_id: 186 }],
    [
      'a chain with its pseudo system',
      { os_id: 159, ipxe_chain_url: 'u' },
      { os_id: 159, ipxe_chain_url: 'u' },
    ],
    ['an empty image_id is none', { image_id: '', os_id: 124 }, { image_id: '', os_id: 124 }],
    ['disks to boot from', { block_devices: [{ bootable: true }] }, { block_devices: [{ bootable: true }] }],
    ['none', {}, ['image_id']],
    ['two', { image_id: '124', snapshot_id: 's' }, ['os_id']],
    ['two others', { app_id: 1, iso_id: 'i' }, ['app_id']],
    ['two systems', { image_id: '124', os_id: 125 }, ['image_id']],
    ['digits without end', { image_id: '9'.repeat(30) }, ['image_id']],
  ])('source to boot from: %s', async (_what, source, expected) => {
    const { client, upstream } = start();
    const asked = client.ask('createInstance', { region: 'ams', plan: 'vc2-1c-1gb', ...source });
    if (Array.isArray(expected)) {
      const failure = await failureOf(asked);
      expect([failure.code, Object.keys(failure.violations)]).toEqual(['INVALID_ARGUMENT', expected]);
      expect(upstream.received).toEqual([]);
      return;
    }
    await asked;
    const body = JSON.parse(upstream.received[0]?.body ?? '') as Record<string, unknown>;
    const { image_id, ...rest } = { region: 'ams', plan: 'vc2-1c-1gb', ...expected } as Record<
      string,
      unknown
    >;
    expect(body).toEqual(
      image_id === '' ? { ...rest, ...('image_id' in body && { image_id: '' }) } : { image_id, ...rest },
    );
  });

  test('is sent once, however it fails', async () => {
    const { client, upstream } = start(() => [503, { error: 'busy', status: 503 }]);
    const failure = await failureOf(
      client.ask('createInstance', { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124' }),
    );
    // UNAVAILABLE would invite a repetition, which could create a second one.
    expect(failure).toMatchObject({ code: 'FAILED_PRECONDITION', info: { reason: 'CREATE_UNCERTAIN' } });
    expect(upstream.received).toHaveLength(1);
  });

  test('hands over a response with an exact big integer, and reports one that a Struct cannot carry', async () => {
    const answers = [
      '{"instance":{"id":"x","cost":9007199254740992}}',
      '{"instance":{"id":"x","cost":9007199254740993}}',
    ];
    const { client } = start((_request, index) => [202, answers[index]]);
    const request = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124' };
    expect((await client.ask('createInstance', request)).value).toEqual({
      instance: { id: 'x', cost: 2 ** 53 },
    });
    expect(await failureOf(client.ask('createInstance', request))).toMatchObject({
      code: 'INTERNAL',
      info: { reason: 'NUMBER_NOT_REPRESENTABLE', metadata: { member: 'cost' } },
    });
  });
});

describe('ListInstances', () => {
  test('hands every filter to Vultr, and the credential only as a header', async () => {
    const filters = {
      per_page: 5,
      cursor: 'bmV4dF9f',
      label: 'a&b=c',
      tag: 'x y',
      main_ip: '192.0.2.1',
      region: 'ams',
      firewall_group_id: 'group',
      hostname: 'ключ',
      show_pending_charges: true,
    };
    expect(Object.keys({ ...filters, access_token: '', secret_id: '', secret_key: '' }).sort()).toEqual(
      expect.arrayContaining(Object.keys(ListInstancesRequest.fromPartial({}))),
    );
    const { client, upstream } = start(() => [200, { instances: [], meta: { total: 0 } }]);
    const { value } = await client.ask('listInstances', { ...filters, access_token: 'FIELD-KEY' });
    expect(value).toEqual({ instances: [], meta: { Links: { next: '', prev: '' }, total: 0 } });
    const [request] = upstream.received;
    expect(request?.authorization).toBe('Bearer FIELD-KEY');
    const { pathname, searchParams } = new URL(request?.url ?? '', upstream.url);
    expect(pathname).toBe('/v2/instances');
    expect(Object.fromEntries(searchParams)).toEqual(
      Object.fromEntries(Object.entries(filters).map(([name, value]) => [name, String(value)])),
    );
  });
});

describe('a call that needs a credential and has none', () => {
  test('is UNAUTHENTICATED, and Vultr is not asked', async () => {
    const { app, upstream } = start();
    const client = connectCloud(app.grpcAddress);
    const source = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '124' };
    const calls = [
      client.ask('createInstance', source),
      client.ask('listInstances', {}),
      client.ask('getInstance', { instance_id: ID }),
      client.ask('startInstance', { instance_id: ID }),
      client.ask('haltInstance', { instance_id: ID }),
      client.ask('rebootInstance', { instance_id: ID }),
      client.ask('terminateInstance', { instance_id: ID }),
      client.watch({ instance_id: ID }).next(),
    ];
    for (const failure of await Promise.all(calls.map((call) => failureOf(call))))
      expect(failure).toMatchObject({ code: 'UNAUTHENTICATED', info: { reason: 'CREDENTIAL_MISSING' } });
    expect(upstream.received).toEqual([]);
  });
});

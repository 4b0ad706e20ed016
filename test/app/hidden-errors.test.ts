import { describe, expect, test } from 'vitest';
import { connectCloud, type Rpc } from '../support/cloud-client.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { createRandom } from '../support/random.ts';
import { KEY, startService } from '../support/service.ts';
import { declared } from '../support/v2/declared.ts';
import { connectHttp, type Gateway, startGateway } from '../support/v2/gateway.ts';
import { randomRequest } from '../support/v2/random-request.ts';
import { writeHttp } from '../support/v2/write-http.ts';

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const ERROR: FakeAnswer = [200, { error: 'Something went wrong.', status: 500 }];

/** The service, before a Vultr that says 200 to everything and means an error. */
const opened = openForFile(async () => {
  const vultr = await startFakeUpstream(() => ERROR);
  const service = await startService({ upstream: vultr.url, httpListen: { host: '127.0.0.1', port: 0 } });
  const gateway: Gateway = await startGateway(vultr.url);
  return { vultr, service, gateway, client: connectCloud(service.app.grpcAddress, KEY) };
});

describe('an error object in a success is an error for every call of CloudService', () => {
  const one = { instance_id: ID };
  const create = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284' };
  const calls: readonly [Rpc, object, string, object?][] = [
    ['listRegions', {}, 'GET /api/regions'],
    ['listImages', {}, 'GET /api/images'],
    ['listPlans', {}, 'GET /api/instance-types'],
    ['listInstances', {}, 'GET /api/instances'],
    ['getInstance', one, `GET /api/instances/${ID}`],
    ['createInstance', create, 'POST /api/instance', create],
    ['startInstance', one, 'PUT /api/instance/start', one],
    ['haltInstance', one, 'PUT /api/instances/stop', one],
    ['rebootInstance', one, 'PUT /api/instance/reboot', one],
    ['terminateInstance', one, 'PUT /api/instance/terminate', one],
  ];

  test.each(calls)('%s', async (rpc, request, line, body) => {
    const { client, service } = opened();
    const failure = await failureOf(client.ask(rpc, request));
    const [method = '', target = ''] = line.split(' ');
    const { status, text } = await sendHttp(service.app.httpAddress ?? '', method, target, body, {
      authorization: `Bearer ${KEY}`,
    });
    const { message, details } = JSON.parse(text);
    // A create may have happened although this stands for a 500.
    const [reason, code, httpStatus] =
      rpc === 'createInstance' ? ['CREATE_UNCERTAIN', 'INTERNAL', 500] : ['VULTR_FAILED', 'INTERNAL', 500];
    expect([failure.info?.reason, failure.code]).toEqual([reason, code]);
    expect([details[0].reason, status]).toEqual([reason, httpStatus]);
    for (const said of [failure.message, message]) expect(said).toContain('Something went wrong.');
  });

  test('watchInstance', async () => {
    const { client, service } = opened();
    const failure = await failureOf(client.watch(one).next());
    expect(failure.info?.reason).toBe('VULTR_FAILED');
    const { status, text } = await sendHttp(
      service.app.httpAddress ?? '',
      'GET',
      `/api/instances/${ID}:watch`,
      undefined,
      { authorization: `Bearer ${KEY}` },
    );
    expect([status, JSON.parse(text).details[0].reason]).toEqual([500, 'VULTR_FAILED']);
  });
});

test('an error object in a success is an error for every operation of vultr.v2, and as it came below /v2', async () => {
  const { gateway } = opened();
  const http = connectHttp(gateway.url);
  const random = createRandom(1);
  const reasons: Record<string, number> = {};
  for (const rpc of declared) {
    const request = randomRequest(rpc, random);
    const { info } = await failureOf(gateway.grpc(rpc, request));
    const reason = info?.reason ?? 'none';
    reasons[reason] = (reasons[reason] ?? 0) + 1;
    expect(reason, rpc.name).toBe(rpc.isCreate ? 'CREATE_UNCERTAIN' : 'VULTR_FAILED');
    const { method, target, body } = writeHttp(rpc, request);
    const contentType = rpc.isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const reply = await http(method, target, {
      body,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': contentType },
    });
    expect([reply.status, String(reply.body)], rpc.name).toEqual([200, JSON.stringify(ERROR[1])]);
  }
  expect(reasons['VULTR_FAILED']).toBeGreaterThan(400);
  expect(reasons['CREATE_UNCERTAIN']).toBeGreaterThan(60);
});

test.each(['application/x-ndjson', 'text/event-stream'])(
  'an error object in a success is no message of a stream: %s',
  async (accept) => {
    const reply = await sendHttp(opened().service.app.httpAddress ?? '', 'GET', '/v2/instances', undefined, {
      authorization: `Bearer ${KEY}`,
      accept,
    });
    expect([reply.status, JSON.parse(reply.text).error]).toEqual([500, 'Something went wrong.']);
  },
);

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findSecrets } from '../support/canary.ts';
import {
  base64,
  ECHOES,
  ID,
  type Output,
  overGrpc,
  overHttp,
  percent,
  remains,
  textField,
  throughEveryDoor,
} from '../support/doors.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { startGrpc } from '../support/grpc-server.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startService, type TestService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

/** Secrets that cannot be mistaken for anything else. */
const KEY = 'CANARYKEYOFTHECALLER0123456789ABCDEF';
const SERVICE_KEY = 'CANARYKEYOFTHESERVICE9876543210FEDCB';
const PASSWORD = 'CANARY-password+of/the=request&%20';
const USER_DATA = 'CANARY-user-data-of-the-request';
const DEFAULT_PASSWORD = 'CANARY-default-password-of-instance';
const KVM = 'https://my.vultr.com/subs/vps/novnc/?data=CANARY-kvm-of-instance';
const REDIS_PASSWORD = 'CANARY-password-of-redis-server';
const SECRETS = [KEY, SERVICE_KEY, PASSWORD, USER_DATA, DEFAULT_PASSWORD, KVM, REDIS_PASSWORD];
const OF_INSTANCE = [DEFAULT_PASSWORD, KVM];

const CARRIED = { password: PASSWORD, userData: USER_DATA };
const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
const BEARER = { authorization: `Bearer ${KEY}` };

function expectNoSecret(outputs: readonly Output[]): void {
  for (const { what, text, allowed = [] } of outputs) {
    const found = findSecrets(text, SECRETS).filter((secret) => !allowed.includes(secret));
    expect(found, what).toEqual([]);
  }
}

describe('a key that Vultr repeats goes nowhere', () => {
  test.each(ECHOES)('%s', async (where, echo) => {
    const isSlow = where === 'in the text of a 429';
    const vultr = await startFakeUpstream(({ authorization = '' }) =>
      echo(authorization.slice('Bearer '.length)),
    );
    const stateDir = temporaryFolder();
    const settings = { upstream: vultr.url, apiKey: SERVICE_KEY, stateDir, callTimeoutMs: 400, ...HTTP };
    const collector = await startOtlpReceiver();
    const service = await startService(settings, { env: process.env });
    const outputs = [
      ...(await throughEveryDoor(service, BEARER, CARRIED)),
      ...(await throughEveryDoor(service, {}, CARRIED)),
      // With a key, creations that may have happened are looked for.
      ...(isSlow ? [] : await throughEveryDoor(service, { ...BEARER, 'idempotency-key': 'one' }, CARRIED)),
    ];
    expect(vultr.received.some(({ authorization }) => authorization === `Bearer ${KEY}`)).toBe(true);
    expect(vultr.received.some(({ authorization }) => authorization === `Bearer ${SERVICE_KEY}`)).toBe(true);
    const isData = where === 'in a success that is no JSON';
    // A success below /v2 is the caller's, whatever it is, and so is the key that the caller has brought.
    const allowedIn = (what: string): string[] => (isData && what.includes(' /v2/') ? [KEY] : []);
    expectNoSecret([
      ...outputs.map((output) => ({ ...output, allowed: allowedIn(output.what) })),
      ...(await remains(service, stateDir, collector)),
    ]);
  });
});

/** Requests that are refused, with the key where somebody may have put it by mistake. */
const MISPLACED: readonly [string, unknown?, Record<string, string>?][] = [
  [`GET /api/instances?accessToken=${KEY}&lable=web`],
  [`GET /api/instances?acces_token=${KEY}`],
  [`GET /api/instances?accessToken=${KEY}%20`],
  [`GET /api/instances?secretKey=${KEY}&nothing=1`],
  [`GET /api/instances/${ID}?password=${percent(PASSWORD)}`, undefined, BEARER],
  [`GET /api/instances`, undefined, { authorization: `Bearer ${KEY} ${KEY}` }],
  [`GET /api/instances`, undefined, { authorization: KEY }],
  [`GET /api/instances`, undefined, { authorization: `Basic ${base64(KEY, 'user:')}` }],
  [`GET /api/instances`, undefined, { ...BEARER, 'user-agent': `client ${KEY}` }],
  [`GET /api/instances`, undefined, { ...BEARER, 'user-agent': `client ${base64(KEY, 'k:')}` }],
  [`GET /api/instances`, undefined, { ...BEARER, 'grpc-timeout': KEY }],
  [`GET /api/instances`, undefined, { ...BEARER, expect: KEY }],
  ['POST /api/instance', { accessToken: KEY, regoin: 'ams', user_data: USER_DATA, os_id: 'x' }],
  ['POST /api/instance', { accessToken: KEY, region: 'ams', plan: 'p', os_id: PASSWORD }],
  ['POST /api/instance', { accessToken: KEY, region: 'ams', plan: 'p', request_id: PASSWORD }],
  ['POST /api/instance', { accessToken: [KEY], region: 'ams', plan: 'p' }],
  ['PUT /api/instance/start', { accessToken: KEY, instance_id: PASSWORD }],
  ['POST /v2/instances', { user_data: USER_DATA }, { ...BEARER, 'content-encoding': 'gzip' }],
  ['POST /v2/instances', { user_data: USER_DATA }, { ...BEARER, 'idempotency-key': `${PASSWORD} x` }],
];

/** gRPC messages that are refused. */
const BAD_MESSAGES: readonly [string, Buffer][] = [
  ['GetInstance', Buffer.concat([textField(1, KEY), textField(2, PASSWORD)])],
  ['GetInstance', Buffer.concat([textField(1, `${KEY} `), textField(2, ID)])],
  ['CreateInstance', Buffer.concat([textField(1, KEY), textField(16, USER_DATA)])],
  ['CreateInstance', Buffer.concat([textField(1, KEY), textField(34, PASSWORD)])],
  ['CreateInstance', Buffer.concat([textField(1, KEY), Buffer.from([0x2a, 0xff])])],
];

test('a refusal repeats no secret', async () => {
  const vultr = await startFakeUpstream(() => [200, {}]);
  const collector = await startOtlpReceiver();
  const settings = { upstream: vultr.url, apiKey: SERVICE_KEY, ...HTTP };
  const service = await startService(settings, { env: process.env });
  const outputs = [
    ...(await Promise.all(
      MISPLACED.map(([line, body, headers = {}]) => overHttp(service, line, body, headers)),
    )),
    ...(await Promise.all(
      BAD_MESSAGES.map(([rpc, message]) =>
        overGrpc(service, `/vultr.cloud.v1.CloudService/${rpc}`, message, {}),
      ),
    )),
    await overGrpc(service, '/vultr.cloud.v1.CloudService/ListInstances', Buffer.alloc(0), {
      ...BEARER,
      'user-agent': KEY,
    }),
  ];
  expectNoSecret([...outputs, ...(await remains(service, undefined, collector))]);
});

/** An instance as Vultr creates it. */
const INSTANCE = { id: ID, status: 'pending', default_password: DEFAULT_PASSWORD, kvm: KVM };

test('the password and the console of an instance stand in the replies that carry it and nowhere else', async () => {
  let isGone = false;
  const vultr = await startFakeUpstream(({ method, url }) => {
    if (isGone) return [500, 'x'];
    if (method === 'POST') return [202, { instance: INSTANCE }];
    return url.includes(ID) ? [200, { instance: INSTANCE }] : [200, { instances: [], meta: { total: 0 } }];
  });
  const stateDir = temporaryFolder();
  const settings = { upstream: vultr.url, apiKey: SERVICE_KEY, stateDir, callTimeoutMs: 10_000, ...HTTP };
  const service = await startService(settings);
  const key = { ...BEARER, 'idempotency-key': 'the-key-of-this-creation' };
  const v2 = { region: 'ams', plan: 'p', os_id: 1, user_data: USER_DATA };
  const create = (headers: Readonly<Record<string, string>>): Promise<Output> =>
    overHttp(service, 'POST /v2/instances', v2, headers, OF_INSTANCE);
  const first = await create(key);
  isGone = true;
  const repeated = await create(key);
  expect([first, repeated].map(({ text }) => findSecrets(text, OF_INSTANCE))).toEqual([
    OF_INSTANCE,
    OF_INSTANCE,
  ]);
  const stranger = await overHttp(service, 'POST /v2/instances', v2, {
    authorization: 'Bearer ANOTHERKEYTHATISNOCANARY012345678901',
    'idempotency-key': 'the-key-of-this-creation',
  });
  const other = await overHttp(service, 'POST /v2/instances', { ...v2, region: 'fra' }, key);
  isGone = false;
  const outputs = [
    await overHttp(service, `GET /api/instances/${ID}`, undefined, BEARER, OF_INSTANCE),
    await overGrpc(
      service,
      '/vultr.cloud.v1.CloudService/GetInstance',
      textField(2, ID),
      BEARER,
      OF_INSTANCE,
    ),
    await overHttp(service, 'GET /api/instances', undefined, BEARER),
  ];
  expectNoSecret([first, repeated, stranger, other, ...outputs, ...(await remains(service, stateDir))]);
});

/** Successes that hold an instance and cannot be carried. */
const UNUSABLE: readonly [string, FakeAnswer][] = [
  ['cut off', [202, JSON.stringify({ instance: INSTANCE }).slice(0, -1)]],
  ['no UTF-8', [202, `{"instance":${JSON.stringify(INSTANCE)},"x":"\ud800`]],
  [
    'with a number that no double holds',
    [202, `{"instance":${JSON.stringify(INSTANCE)},"n":9007199254740993}`],
  ],
  ['too deep', [202, `{"instance":${JSON.stringify(INSTANCE)},"n":${'['.repeat(200)}${']'.repeat(200)}}`]],
];

test.each(UNUSABLE)('a response that is %s is not quoted', async (_what, answer) => {
  const vultr = await startFakeUpstream(() => answer);
  const service = await startService({ upstream: vultr.url, callTimeoutMs: 400, ...HTTP });
  const outputs = [
    await overHttp(service, `GET /api/instances/${ID}`, undefined, BEARER, OF_INSTANCE),
    await overGrpc(service, '/vultr.cloud.v1.CloudService/GetInstance', textField(2, ID), BEARER),
    await overGrpc(service, '/vultr.v2.InstancesService/GetInstance', textField(1, ID), BEARER),
  ];
  expectNoSecret([...outputs, ...(await remains(service))]);
});

test('a handler that fails reveals to nobody what it failed on', async () => {
  const service = await startGrpc({
    ListRegions: async () => {
      throw Object.assign(new Error(`connect with password=${PASSWORD}`), {
        command: { args: [KEY] },
        options: { KEY },
      });
    },
    ListPlans: async () => {
      throw { secret: KEY, toString: () => `Authorization: Bearer ${KEY}` };
    },
  });
  const app = { grpcAddress: service.address } as TestService['app'];
  const outputs = [
    await overGrpc({ app }, '/vultr.cloud.v1.CloudService/ListRegions', Buffer.alloc(0), BEARER),
    await overGrpc({ app }, '/vultr.cloud.v1.CloudService/ListPlans', Buffer.alloc(0), BEARER),
  ];
  expect(service.log.lines({ reason: 'INTERNAL_ERROR' })).toHaveLength(2);
  const { text } = service.metrics.render();
  expectNoSecret([...outputs, { what: 'the log', text: service.log.text }, { what: 'the metrics', text }]);
});

test('the process shows no secret to the machine: not as arguments or title, on no output, in no report', async () => {
  const vultr = await startFakeUpstream(({ authorization = '' }) => [500, { error: authorization }]);
  const folder = temporaryFolder();
  const child = spawn(
    process.execPath,
    [
      '--report-on-signal',
      '--report-signal=SIGUSR2',
      `--report-directory=${folder}`,
      ...[resolve('bin/vultr-grpc.js'), 'serve', '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'],
    ],
    {
      env: {
        PATH: process.env['PATH'],
        VULTR_API_URL: vultr.url.href,
        VULTR_API_KEY: SERVICE_KEY,
        REDIS_URL: `redis://user:${encodeURIComponent(REDIS_PASSWORD)}@127.0.0.1:9`,
      },
    },
  );
  closeAtEnd(() => child.kill('SIGKILL'));
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  const [ready] = (await once(child.stdout, 'data')) as [Buffer];
  const http = /HTTP http:\/\/(\S+),/.exec(String(ready))?.[1] ?? '';
  const reply = await sendHttp(http, 'GET', '/v2/account');
  child.kill('SIGUSR2');
  await expect.poll(() => readdirSync(folder).length).toBe(1);
  const read = (name: string): string => readFileSync(`/proc/${child.pid}/${name}`, 'latin1');
  const reportOf = (): string => readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8');
  await expect.poll(() => reportOf().trimEnd().endsWith('}')).toBe(true);
  const report = reportOf();
  const shown = read('cmdline') + read('comm');
  // The heap is not in a report, but what Node was started with would be.
  expect(report).toContain('"header"');
  child.kill('SIGTERM');
  await once(child, 'close');
  expectNoSecret([
    { what: 'the arguments and the title', text: shown },
    { what: 'the ready line', text: ready },
    { what: 'the log', text },
    { what: 'the reply', text: JSON.stringify(reply) },
    { what: 'the report', text: report },
  ]);
});

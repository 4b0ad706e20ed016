import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { findSecrets } from '../support/canary.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { startGrpc } from '../support/grpc-server.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd } from '../support/opened.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { connectRaw } from '../support/raw-client.ts';
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

const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
const BEARER = { authorization: `Bearer ${KEY}` };

/** Something that came out of the service. */
interface Output {
  readonly what: string;
  readonly text: string | Uint8Array;
  /** The secrets that belong there. */
  readonly allowed?: readonly string[];
}

function expectNoSecret(outputs: readonly Output[]): void {
  for (const { what, text, allowed = [] } of outputs) {
    const found = findSecrets(text, SECRETS).filter((secret) => !allowed.includes(secret));
    expect(found, what).toEqual([]);
  }
}

/** Everything that a service tells beside its replies: log, metrics, state, and what its collector has got. */
async function remains(
  { app, log }: TestService,
  stateDir?: string,
  collector?: OtlpReceiver,
): Promise<Output[]> {
  const pages = await Promise.all(
    ['/metrics', '/readyz', '/healthz', '/', '/status'].map((path) =>
      sendHttp(app.httpAddress ?? '', 'GET', path),
    ),
  );
  // A service that stops removes some of them.
  const names = stateDir === undefined ? [] : readdirSync(stateDir);
  const files = names.map((file) => ({ what: file, text: readFileSync(join(stateDir ?? '', file)) }));
  // What has not been exported yet is exported when the service stops.
  if (collector !== undefined) await app.close();
  return [
    { what: 'the log', text: log.text },
    ...pages.map(({ text, headers }) => ({ what: 'a page', text: text + JSON.stringify(headers) })),
    ...files,
    ...(collector?.bodies ?? []).map((text) => ({ what: 'an export', text })),
    ...(collector?.spans ?? []).map((span) => ({ what: 'a span', text: JSON.stringify(span) })),
  ];
}

async function overHttp(
  service: TestService,
  line: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = BEARER,
  allowed: readonly string[] = [],
): Promise<Output> {
  const [method = '', target = ''] = line.split(' ');
  const reply = await sendHttp(service.app.httpAddress ?? '', method, target, body, headers);
  return { what: `${line}: ${reply.status}`, text: JSON.stringify(reply.headers) + reply.text, allowed };
}

async function overGrpc(
  service: Pick<TestService, 'app'>,
  path: string,
  request: Uint8Array,
  headers: Readonly<Record<string, string>> = BEARER,
  allowed: readonly string[] = [],
): Promise<Output> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const text = await connectRaw(service.app.grpcAddress)
    .unary(path, request, metadata, { deadline: Date.now() + 10_000 })
    .then(
      (bytes) => bytes.toString('latin1'),
      (error: { message: string; details: string; metadata: Metadata }) =>
        [
          error.message,
          error.details,
          ...Object.values(error.metadata.getMap()).map((v) => v.toString('latin1')),
        ].join('\n'),
    );
  return { what: `${path}: ${text.slice(0, 60)}`, text, allowed };
}

/** A field of text in a message. */
function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const tag = number < 16 ? [(number << 3) | 2] : [(((number << 3) | 2) & 0x7f) | 0x80, number >> 4];
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([...tag, ...length]), bytes]);
}

/** The same call through every door. */
async function throughEveryDoor(
  service: TestService,
  headers: Readonly<Record<string, string>>,
): Promise<Output[]> {
  const create = { region: 'ams', plan: 'vc2-1c-1gb', image_id: '2284', user_data: USER_DATA };
  const createMessage = Buffer.concat([
    textField(2, 'ams'),
    textField(3, 'vc2-1c-1gb'),
    textField(4, '2284'),
    textField(16, USER_DATA),
  ]);
  const v2 = { region: 'ams', plan: 'vc2-1c-1gb', os_id: 2284, user_data: USER_DATA };
  const user = { username: 'u', password: PASSWORD };
  return await Promise.all([
    overHttp(service, `GET /api/instances/${ID}`, undefined, headers),
    overHttp(service, `GET /api/instances/${ID}:watch`, undefined, headers),
    overHttp(service, 'GET /api/instances', undefined, headers),
    overHttp(service, 'POST /api/instance', create, headers),
    overHttp(service, `GET /v2/instances/${ID}`, undefined, headers),
    overHttp(service, `DELETE /v2/instances/${ID}`, undefined, headers),
    overHttp(service, 'POST /v2/instances', v2, headers),
    overHttp(service, `POST /v2/databases/${ID}/users`, user, headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/GetInstance', textField(2, ID), headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/ListInstances', Buffer.alloc(0), headers),
    overGrpc(service, '/vultr.cloud.v1.CloudService/CreateInstance', createMessage, headers),
    overGrpc(service, '/vultr.v2.InstancesService/GetInstance', textField(1, ID), headers),
    overGrpc(service, '/vultr.v2.InstancesService/ListInstances', Buffer.alloc(0), headers),
    overGrpc(
      service,
      '/vultr.v2.DatabasesService/CreateDatabaseUser',
      Buffer.concat([textField(1, ID), textField(2, 'u'), textField(3, PASSWORD)]),
      headers,
    ),
  ]);
}

const base64 = (text: string, before = ''): string =>
  Buffer.from(`${before}${text} and more`).toString('base64');
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const escaped = (text: string): string =>
  [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** How Vultr, or what stands before it, may repeat the key of a request. */
const ECHOES: readonly [string, (key: string) => FakeAnswer][] = [
  ...[400, 401, 403, 404, 409, 422, 429, 500, 503].map((status): [string, (key: string) => FakeAnswer] => [
    `in the text of a ${status}`,
    (key) => [status, { error: `Bad key ${key}`, status }],
  ]),
  ...['', 'x', 'xy'].map((before): [string, (key: string) => FakeAnswer] => [
    `in base64 behind ${JSON.stringify(before)}`,
    (key) => [400, { error: `Authorization ${base64(key, before)}` }],
  ]),
  ['in base64url', (key) => [400, { error: Buffer.from(`Basic ${key}>>>???`).toString('base64url') }]],
  ['percent-encoded', (key) => [400, { error: `/v2/?key=${percent(key)}` }]],
  ['percent-encoded base64', (key) => [400, { error: percent(base64(key)) }]],
  ['escaped', (key) => [400, `{"error":"${escaped(key)}"}`]],
  ['in a member that is no text of the error', (key) => [400, { error: 'Bad.', request: { token: key } }]],
  ['in a success that is an error', (key) => [200, { error: `Bad key ${key}`, status: 401 }]],
  ['in a success that is no JSON', (key) => [200, `{"a": ${key}`, 'application/json']],
  ['in the title of a page', (key) => [403, `<html><title>${key}</title></html>`, 'text/html']],
  ['in plain text', (key) => [502, `upstream said ${key}`, 'text/plain']],
  ['in the media type', (key) => [400, { error: 'Bad.' }, `application/json; key=${key}`]],
  ['in Retry-After', (key) => [503, { error: 'Later.' }, 'application/json', { 'retry-after': key }]],
  ['in a redirect', (key) => [302, '', 'text/html', { location: `https://x/?key=${key}` }]],
  [
    'in a redirect, in base64',
    (key) => [302, '', 'text/html', { location: `https://x/?key=${base64(key, 'a')}` }],
  ],
  [
    'in a header that nobody knows',
    (key) => [400, { error: 'Bad.' }, 'application/json', { 'x-request-id': key }],
  ],
];

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
      ...(await throughEveryDoor(service, BEARER)),
      ...(await throughEveryDoor(service, {})),
      // With a key, creations that may have happened are looked for.
      ...(isSlow ? [] : await throughEveryDoor(service, { ...BEARER, 'idempotency-key': 'one' })),
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
  const settings = { upstream: vultr.url, apiKey: SERVICE_KEY, stateDir, callTimeoutMs: 1_000, ...HTTP };
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
    await overHttp(service, 'GET /api/instances'),
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
    await overGrpc(service, '/vultr.cloud.v1.CloudService/GetInstance', textField(2, ID)),
    await overGrpc(service, '/vultr.v2.InstancesService/GetInstance', textField(1, ID)),
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
    await overGrpc({ app }, '/vultr.cloud.v1.CloudService/ListRegions', Buffer.alloc(0)),
    await overGrpc({ app }, '/vultr.cloud.v1.CloudService/ListPlans', Buffer.alloc(0)),
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

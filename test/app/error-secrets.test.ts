import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { findSecrets } from '../support/canary.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { sendHttp } from '../support/http-request.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const VIRTUAL_KEY = 'vgk_a-virtual-key-of-this-test-0123456789';
const BEARER = { authorization: `Bearer ${VIRTUAL_KEY}` };
const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const PASSWORD = 'S3CRETPW1-of-a-user';
const SCRIPT = '#!/bin/sh\nexport S3CRET=of-the-user-data\n';
const USER_DATA = Buffer.from(SCRIPT).toString('base64');
const SECRETS = [PASSWORD, SCRIPT, USER_DATA, 'S3CRET=of-the-user-data'];

/** What Vultr may repeat, and how. */
const ECHOES: readonly [string, (secret: string) => string][] = [
  ['as it is', (secret) => secret],
  ['in base64', (secret) => Buffer.from(`x${secret}`).toString('base64')],
  ['in a URL', (secret) => `https://api.vultr.com/v2/x?password=${encodeURIComponent(secret)}`],
];

async function start(answer: () => FakeAnswer) {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('key'), 'ACCOUNTKEY');
  writeFileSync(
    at('callers.yaml'),
    `accounts: { team: { key_file: ${at('key')} } }
callers:
  - { name: bot, is: [ { token_sha256: ${hash('sha256', VIRTUAL_KEY)} } ], account: team, allow: [ "*" ] }
`,
  );
  const vultr = await startFakeUpstream(answer);
  const collector = await startOtlpReceiver();
  const service = await startService(
    {
      upstream: vultr.url,
      httpListen: { host: '127.0.0.1', port: 0 },
      callersFile: at('callers.yaml'),
      auditFile: at('audit.jsonl'),
    },
    { env: process.env },
  );
  return { ...service, vultr, collector, audit: () => readFileSync(at('audit.jsonl'), 'utf8') };
}

type Running = Awaited<ReturnType<typeof start>>;

const rpc =
  (name: string, request: JsonObject) =>
  async ({ app }: Running): Promise<void> =>
    void (await connectAnyRpc(app.grpcAddress)(name, request, BEARER).catch(() => undefined));
const http =
  (line: string, body: unknown) =>
  async ({ app }: Running): Promise<void> => {
    const [method = '', path = ''] = line.split(' ');
    await sendHttp(app.httpAddress ?? '', method, path, body, BEARER);
  };

const server = { region: 'ams', plan: 'vc2-1c-1gb' };
const user = { username: 'u', password: PASSWORD };
const RAW = 'vultr.v2.RawService/Call';
const V2_USER = 'vultr.v2.DatabasesService/CreateDatabaseUser';
const V2_CREATE = 'vultr.v2.InstancesService/CreateInstance';
const CLOUD_CREATE = 'vultr.cloud.v1.CloudService/CreateInstance';

/** The calls that bring a secret, and what Vultr repeats of it. */
const CALLS: readonly [string, string, (running: Running) => Promise<void>][] = [
  [V2_USER, PASSWORD, rpc(V2_USER, { databaseId: ID, ...user })],
  ['POST /v2/databases', PASSWORD, http(`POST /v2/databases/${ID}/users`, user)],
  [RAW, PASSWORD, rpc(RAW, { method: 'POST', path: `/v2/databases/${ID}/users`, body: user })],
  [V2_CREATE, USER_DATA, rpc(V2_CREATE, { ...server, osId: 1, userData: USER_DATA })],
  ['POST /v2/instances', SCRIPT, http('POST /v2/instances', { ...server, os_id: 1, user_data: USER_DATA })],
  [CLOUD_CREATE, SCRIPT, rpc(CLOUD_CREATE, { ...server, imageId: '1', userData: SCRIPT })],
  [
    'POST /api/instance',
    USER_DATA,
    http('POST /api/instance', { ...server, image_id: '1', user_data: SCRIPT }),
  ],
  [
    `${RAW} with user data`,
    SCRIPT,
    rpc(RAW, { method: 'POST', path: '/v2/new', body: { user_data: USER_DATA } }),
  ],
  [
    `${RAW} with a query`,
    PASSWORD,
    rpc(RAW, { method: 'POST', path: '/v2/new', query: `password=${PASSWORD}` }),
  ],
];

test.each(ECHOES)(
  'a secret of the request that Vultr repeats %s stays with its caller',
  async (_how, echo) => {
    const answers: FakeAnswer[] = [];
    const running = await start(() => answers.at(-1) ?? [200, {}]);
    for (const [name, secret, call] of CALLS) {
      for (const status of [400, 500]) {
        const before = { asked: running.vultr.received.length, audited: running.audit().length };
        answers.push([status, { error: `Invalid value ${echo(secret)}`, status }]);
        await call(running);
        expect(running.vultr.received.length, name).toBeGreaterThan(before.asked);
        const line = running.audit().slice(before.audited);
        expect(line, name).toContain('"error":"');
        expect(findSecrets(line, SECRETS), name).toEqual([]);
      }
    }
    await running.app.close();
    expect(running.log.lines({ msg: 'call failed' }).length).toBeGreaterThanOrEqual(CALLS.length);
    expect(findSecrets(running.log.text, SECRETS)).toEqual([]);
    expect(running.collector.spans.length).toBeGreaterThan(0);
    expect(findSecrets(JSON.stringify(running.collector.spans), SECRETS)).toEqual([]);
  },
);

test('the caller itself hears what Vultr said, and the operator the rest of it', async () => {
  const running = await start(() => [400, { error: `Invalid value ${PASSWORD}` }]);
  const { text } = await sendHttp(
    running.app.httpAddress ?? '',
    'POST',
    `/v2/databases/${ID}/users`,
    user,
    BEARER,
  );
  expect(text).toContain(PASSWORD);
  expect(running.audit()).toContain('"error":"Vultr answered 400: Invalid value [masked]"');
  expect(running.log.text).toContain('"error":"Vultr answered 400: Invalid value [masked]"');
});

test('a query that stands in the path of a refused raw call is not audited', async () => {
  const running = await start(() => [200, {}]);
  await rpc(RAW, { method: 'POST', path: `/v2/users?password=${PASSWORD}` })(running);
  await rpc(RAW, { method: 'POST', path: `/v2/users%3Fpassword=${PASSWORD}` })(running);
  expect(running.audit()).toContain('"path":"/v2/users?[masked]"');
  expect(findSecrets(running.audit() + running.log.text, SECRETS)).toEqual([]);
});

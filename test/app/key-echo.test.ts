import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { type FakeAnswer, startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { closeAtEnd, openForFile } from '../support/opened.ts';
import { KEY, startService } from '../support/service.ts';

const SERVICE_KEY = 'CANARYKEYOFTHESERVICE9876543210FEDCB';
const ACCOUNT_KEY = 'CANARYKEYOFTHEACCOUNT0123456789FEDCB';
const VIRTUAL_KEY = 'vgk_a-virtual-key-of-this-test-0123456789';
const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };

const base64 = (text: string): string => Buffer.from(`Bearer ${text}`).toString('base64');
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

/** Successes that repeat the key of their request. */
const ECHOES: readonly [string, (key: string) => FakeAnswer][] = [
  ['JSON', (key) => [200, { instance: { id: ID, label: key } }]],
  ['JSON, in the name of a member', (key) => [200, { [key]: 1 }]],
  ['JSON, in base64', (key) => [200, { instance: { id: ID, label: base64(key) } }]],
  ['JSON, in the form of a URL', (key) => [200, { instance: { id: ID, label: `x?k=${percent(key)}` } }]],
  ['YAML', (key) => [200, `token: ${key}\n`, 'application/yaml']],
  ['plain text in base64', (key) => [200, base64(key), 'text/plain']],
  ['a page', (key) => [200, `<html>${key}</html>`, 'text/html']],
  ['bytes', (key) => [200, `\u0000${key}`, 'application/octet-stream']],
  ['a redirect', (key) => [302, `moved by ${key}`, 'text/plain', { location: 'https://example.com/' }]],
  ['a large body', (key) => [200, { pad: 'x'.repeat(300_000), key }]],
];

/** Vultr, as it responds to the key of each request. */
const vultr = openForFile(async () => {
  const state = { echo: (_key: string): FakeAnswer => [200, {}] };
  const upstream = await startFakeUpstream(({ authorization = '' }) =>
    state.echo(authorization.slice('Bearer '.length)),
  );
  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
  closeAtEnd(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'key'), ACCOUNT_KEY);
  const callersFile = join(folder, 'callers.yaml');
  writeFileSync(
    callersFile,
    `accounts: { team: { key_file: ${join(folder, 'key')} } }
callers:
  - { name: bot, is: [ { token_sha256: ${hash('sha256', VIRTUAL_KEY)} } ], account: team, allow: [ "*" ] }
`,
  );
  const settings = { upstream: upstream.url, ...HTTP };
  const personal = await startService({ ...settings, apiKey: SERVICE_KEY });
  const shared = await startService({ ...settings, callersFile });
  return { state, personal, shared };
});

describe.each([
  ['the key of the service', 'personal', SERVICE_KEY, {}],
  ['the key of an account', 'shared', ACCOUNT_KEY, { authorization: `Bearer ${VIRTUAL_KEY}` }],
] as const)('a success that repeats %s is withheld', (_whose, which, key, headers) => {
  test.each(ECHOES)('%s', async (_form, echo) => {
    const { state, [which]: service } = vultr();
    state.echo = echo;
    const ask = (line: string, body?: unknown) => {
      const [method = '', target = ''] = line.split(' ');
      return sendHttp(service.app.httpAddress ?? '', method, target, body, headers);
    };
    const replies = [
      await ask(`GET /v2/instances/${ID}`),
      await ask(`PATCH /v2/instances/${ID}`, { label: 'x' }),
      await ask('GET /v2/what-nobody-knows'),
      await ask(`GET /api/instances/${ID}`),
    ];
    const seen = replies.map(({ headers: sent, text }) => JSON.stringify(sent) + text).join('\n');
    for (const form of [key, base64(key), percent(key)]) expect(seen).not.toContain(form);
    for (const { status, text } of replies.slice(0, 3)) {
      expect([status, JSON.parse(text).details[0].reason]).toEqual([500, 'BAD_UPSTREAM_RESPONSE']);
    }
    expect(replies[1]?.text).toContain('Vultr did what was asked.');
    const call = connectAnyRpc(service.app.grpcAddress);
    const authorization = 'authorization' in headers ? headers : { authorization: '' };
    const failure = await failureOf(
      call('vultr.v2.InstancesService/GetInstance', { instanceId: ID }, authorization),
    );
    expect(failure).toMatchObject({ code: 'INTERNAL', info: { reason: 'BAD_UPSTREAM_RESPONSE' } });
    expect(JSON.stringify(failure) + service.log.text).not.toContain(key);
  });
});

test.each(ECHOES)(
  '%s that repeats the key that the caller brought is passed on as it came',
  async (_form, echo) => {
    const { state, personal } = vultr();
    state.echo = echo;
    const [status, body] = echo(KEY);
    const reply = await sendHttp(personal.app.httpAddress ?? '', 'GET', `/v2/instances/${ID}`, undefined, {
      authorization: `Bearer ${KEY}`,
    });
    expect([reply.status, reply.text]).toEqual([
      status,
      typeof body === 'string' ? body : JSON.stringify(body),
    ]);
  },
);

test('a response shared by a caller who brought the key and one who did not is withheld from the latter alone', async () => {
  const { state, personal } = vultr();
  state.echo = (key) => [200, { key }];
  const ask = (headers: Record<string, string>) =>
    sendHttp(personal.app.httpAddress ?? '', 'GET', '/v2/account', undefined, headers);
  const [own, service] = await Promise.all([ask({ authorization: `Bearer ${SERVICE_KEY}` }), ask({})]);
  expect([own.text, service.status]).toEqual([`{"key":"${SERVICE_KEY}"}`, 500]);
});

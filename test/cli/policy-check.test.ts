import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { policy } from '../../src/cli/policy.ts';
import { ConfigError } from '../../src/config/read.ts';
import { connectAnyRpc } from '../support/any-rpc.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { startService } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const callersFile = join(folder, 'callers.yaml');

/** The callers, and what the file says of each. */
const CALLERS = {
  dashboard: 'allow: ["effect:read", "service:metrics", "service:status"]',
  raw: 'allow: ["vultr.v2.RawService/Call"]',
  limited: 'allow: ["*"], create: { regions: [ams], plans: ["vc2-*"] }',
  frugal: 'allow: ["*"], create: { monthly_cost_max: 100 }',
  changer: 'allow: ["effect:read", "effect:change"], deny: ["vultr.v2.DnsService/*"]',
} as const;
type Name = keyof typeof CALLERS;
const NAMES = Object.keys(CALLERS) as readonly Name[];
const keys = Object.fromEntries(NAMES.map((name) => [name, createVirtualKey()]));

const RAW = 'vultr.v2.RawService/Call';
const UPDATE = 'vultr.v2.InstancesService/UpdateInstance';
const CREATE = 'vultr.v2.InstancesService/CreateInstance';
const WATCH = 'vultr.v2.WatchService/Watch';
const ID = 'cb676a46-66fd-4dfb-b839-443f2e6c0b60';
const create = (region: string, plan: string) => ({ region, plan, os_id: 1 });

/** Methods with requests. */
const REQUESTS: readonly [string, Record<string, unknown>][] = [
  [RAW, { method: 'GET', path: '/v2/instances' }],
  [RAW, { method: 'GET', path: `/v2/kubernetes/clusters/${ID}/config` }],
  [RAW, { method: 'DELETE', path: `/v2/instances/${ID}` }],
  [RAW, { method: 'GET', path: '/v2/unknown' }],
  [RAW, { method: 'POST', path: '/v2/unknown', body: { region: 'ams', plan: 'vc2-1c-1gb' } }],
  [RAW, { method: 'DELETE', path: '/v2/unknown' }],
  [RAW, { method: 'POST', path: '/v2/instances', body: create('ams', 'vc2-1c-1gb') }],
  [RAW, { method: 'POST', path: '/v2/instances', body: create('fra', 'vc2-1c-1gb') }],
  [RAW, { method: 'POST', path: '/v2/instances', query: 'plan=vhp-1', body: create('ams', 'vc2-1c-1gb') }],
  [RAW, { method: 'PATCH', path: `/v2/instances/${ID}`, body: { label: 'x' } }],
  [RAW, { method: 'PATCH', path: `/v2/instances/${ID}`, body: { os_id: 1 } }],
  [RAW, { method: 'PATCH', path: `/v2/instances/${ID}`, body: { plan: 'vhp-1c-1gb' } }],
  [RAW, { method: 'GET', path: '/v2//instances' }],
  [RAW, { method: 'GET', path: '/v2/dom%61ins' }],
  [UPDATE, { instance_id: ID, label: 'x' }],
  [UPDATE, { instance_id: ID, os_id: 1 }],
  [CREATE, create('ams', 'vc2-1c-1gb')],
  [CREATE, create('fra', 'vc2-1c-1gb')],
  [CREATE, { ...create('ams', 'vc2-1c-1gb'), additional_fields: { Region: 'fra' } }],
  ['vultr.v2.DnsService/ListDnsDomains', {}],
  ['vultr.v2.InstancesService/ListInstances', {}],
  [WATCH, { operation: 'vultr.v2.InstancesService/ListInstances' }],
  [WATCH, { operation: 'vultr.v2.DnsService/ListDnsDomains' }],
];

const opened = openForFile(async () => {
  writeFileSync(join(folder, 'key'), 'ACCOUNTKEY');
  writeFileSync(
    callersFile,
    `accounts: { prod: { key_file: ${join(folder, 'key')} } }
callers:
${NAMES.map((name) => `  - { name: ${name}, is: [ { token_sha256: ${keys[name]?.sha256} } ], account: prod, ${CALLERS[name]} }`).join('\n')}
`,
  );
  const vultr = await startFakeUpstream(({ url }) =>
    /^\/v2\/plans(?:-metal)?\b/.test(url)
      ? [
          200,
          {
            plans: ['vc2-1c-1gb', 'vhp-1', 'vhp-1c-1gb'].map((id) => ({ id, monthly_cost: 5 })),
            meta: { total: 3, links: { next: '', prev: '' } },
          },
        ]
      : [404, { error: 'Not found.', status: 404 }],
  );
  return await startService({ upstream: vultr.url, httpListen: { host: '127.0.0.1', port: 0 }, callersFile });
});

async function check(
  caller: string,
  method: string,
  request?: unknown,
): Promise<{ isAllowed: boolean; text: string }> {
  const file = join(folder, 'request.json');
  if (request !== undefined) writeFileSync(file, JSON.stringify(request));
  const args = ['check', '--callers-file', callersFile, '--caller', caller, '--method', method];
  const { lines, exitCode } = await policy(request === undefined ? args : [...args, '--request', file], {});
  expect(lines[0]).toMatch(exitCode === 0 ? /^ALLOWED: / : /^DENIED: /);
  return { isAllowed: exitCode === 0, text: lines.join('\n') };
}

const DENIALS = ['CALLER_DENIED', 'CREATE_LIMIT'];

/** Whether the running service lets a call in; what Vultr says to it does not matter. */
async function isServed(caller: string, method: string, request: Record<string, unknown>): Promise<boolean> {
  const call = connectAnyRpc(opened().app.grpcAddress);
  const json = JSON.parse(JSON.stringify(request));
  const failure = await failureOf(call(method, json, { authorization: `Bearer ${keys[caller]?.key}` }));
  return !DENIALS.includes(failure.info?.reason ?? '');
}

describe.each(NAMES)('policy check and the running service agree about %s', (caller) => {
  test.each(REQUESTS)('calling %s with %j', async (method, request) => {
    const { isAllowed, text } = await check(caller, method, request);
    expect(isAllowed, text).toBe(await isServed(caller, method, request));
  });

  test.each(['metrics', 'status', 'docs'] as const)('reading service:%s', async (part) => {
    const path = part === 'docs' ? '/openapi.json' : `/${part}`;
    const { status } = await sendHttp(opened().app.httpAddress ?? '', 'GET', path, undefined, {
      authorization: `Bearer ${keys[caller]?.key}`,
    });
    expect((await check(caller, `service:${part}`)).isAllowed).toBe(status !== 403);
  });
});

test('a check names the operation that a raw call reaches', async () => {
  const denied = await check('raw', RAW, { method: 'DELETE', path: `/v2/instances/${ID}` });
  expect(denied.text).toContain('raw calls vultr.v2.InstancesService/DeleteInstance (effect destroy)');
  expect((await check('raw', RAW)).text).toContain('Give one with --request.');
  expect((await check('limited', RAW)).text).toContain('the contract does not know the operation');
  expect((await check('limited', 'service:reflection')).isAllowed).toBe(true);
});

test.each([
  [RAW, { method: 'GET' }, 'path'],
  [RAW, { method: 'POST', path: '/v2/x', body: 'text' }, 'not a JSON object'],
  [RAW, { method: 'GET', path: '/v2/instances', query: '_method=DELETE' }, '_method'],
  [WATCH, { operation: 'vultr.v2.InstancesService/DeleteInstance' }, 'that reads'],
  ['service:metrics', {}, 'leave it out'],
  ['service:metric', undefined, 'Did you mean service:metrics?'],
])('a check of %s with %j is refused: %s', async (method, request, problem) => {
  const checked = check('limited', method, request);
  await expect(checked).rejects.toThrow(ConfigError);
  await expect(checked).rejects.toThrow(problem);
});

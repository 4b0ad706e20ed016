import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import cases from '../cases/callers-file-mistakes.json' with { type: 'json' };
import { modelOf, parseCallers } from '../support/access.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: '1' };

const sources = {
  env: { KEY: 'ENVKEY0123456789' },
  files: {
    '/key': 'FILEKEY0123456789\n',
    '/empty': ' \n',
    '/two': 'ONE\nTWO\n',
    '/jwks': JSON.stringify({ keys: [jwk] }),
    '/oct': JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }),
    '/private': JSON.stringify({ keys: [pair.privateKey.export({ format: 'jwk' })] }),
  },
};

const ACCOUNTS = 'accounts:\n  prod: { key_env: KEY }\n';
const CALLERS = `${ACCOUNTS}callers:\n  - { name: a, is: [ dns: a.example ], account: prod, allow: [] }\n`;

/** Stands for a section that is right, so that the mistake is the only one. */
function fill(file: string): string {
  const callers = file.startsWith('accounts:') || file.startsWith('acounts:') ? CALLERS_ALONE : CALLERS;
  return file.replace('ACCOUNTS', ACCOUNTS).replace('CALLERS', callers);
}

const CALLERS_ALONE = 'callers:\n  - { name: a, is: [ dns: a.example ], bring_own_key: true, allow: [] }\n';

describe('a callers file with', () => {
  test.each(cases)('$name', async ({ file, mistakes }) => {
    const parsed = await parseCallers(fill(file), sources);
    const found =
      parsed.kind === 'ok'
        ? []
        : parsed.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`);
    expect(found.length, found.join('\n')).toBe(mistakes.length);
    for (const [index, expected] of mistakes.entries()) {
      const [, position = '', text = ''] = /^((?:\d+:\d* ?)?)(.*)$/.exec(expected) ?? [];
      expect(found[index]?.startsWith(position), `${found[index]} at ${position}`).toBe(true);
      expect(found[index]).toContain(text);
    }
  });

  test('bytes that are not UTF-8 says where', async () => {
    const bytes = Buffer.concat([Buffer.from('# ok\ncallers: "'), Buffer.of(0xff), Buffer.from('"\n')]);
    expect(await parseCallers(bytes)).toEqual({
      kind: 'mistakes',
      mistakes: [{ line: 2, column: 11, message: expect.stringContaining('not UTF-8') }],
    });
  });

  test('too many bytes is refused unread', async () => {
    expect(await parseCallers(Buffer.alloc(5 * 1024 * 1024, '#'))).toMatchObject({
      mistakes: [{ message: expect.stringContaining('bytes') }],
    });
  });

  test.each(['[', '{a: ', '- '])('100 000 times "%s" is refused', async (text) => {
    expect((await parseCallers(text.repeat(100_000))).kind).toBe('mistakes');
  });

  test('hundreds of mistakes names the first fifty', async () => {
    const parsed = await parseCallers(`${CALLERS}trusted_proxies: [${'x,'.repeat(500)}]`, sources);
    expect(parsed.kind === 'mistakes' && parsed.mistakes.length).toBe(50);
  });
});

test('no message quotes a key', async () => {
  const files = { '/keys': 'SECRETSECRETSECRET1 SECRETSECRETSECRET2' };
  const parsed = await parseCallers(`accounts: { a: { key_file: /keys } }\n${CALLERS_ALONE}`, { files });
  expect(parsed.kind).toBe('mistakes');
  expect(JSON.stringify(parsed)).not.toContain('SECRETSECRET');
});

test('a whole file', async () => {
  const model = await modelOf(
    `accounts:
  prod: { key_file: /key }
  lab: { key_env: KEY }
issuers:
  - { name: cluster, issuer: https://kubernetes.default.svc, audience: [vultr-grpc, other], jwks_file: /jwks, algorithms: [RS256], clock_skew: 0 }
  - { name: idp, issuer: https://idp.example, audience: vultr-grpc, jwks_url: https://idp.example/jwks, ca_file: /key, bearer_file: /key }
callers:
  - name: bot
    is:
      - token_sha256: ${'AB'.repeat(32)}
      - jwt: { issuer: cluster, subject: "system:*", claims: { "kubernetes.io": { namespace: ci } } }
      - spiffe: spiffe://prod.example/ns/*/sa/deployer
      - dns: Deployer.Example
      - cn: deployer
    account: prod
    allow: [ "vultr.cloud.v1.CloudService/*", "effect:read", "service:metrics" ]
    deny: [ "effect:destroy" ]
    create: { regions: [AMS], plans: ["vc2-*"], monthly_cost_max: 80.5, per_hour: 20 }
    rate: 10
  - name: guests
    is: [ own_key: true ]
    bring_own_key: true
    allow: [ "*" ]
trusted_proxies: [ 127.0.0.6/32, "::1" ]
`,
    sources,
  );
  expect([...model.accounts.values()]).toEqual([
    { name: 'prod', keyFile: '/key' },
    { name: 'lab', keyEnv: 'KEY' },
  ]);
  expect(model.issuers.get('cluster')).toEqual({
    name: 'cluster',
    issuer: 'https://kubernetes.default.svc',
    audiences: ['vultr-grpc', 'other'],
    keys: { file: '/jwks' },
    algorithms: ['RS256'],
    clockSkewSeconds: 0,
  });
  expect(model.issuers.get('idp')?.keys).toEqual({
    url: 'https://idp.example/jwks',
    caFile: '/key',
    bearerFile: '/key',
  });
  const [bot, guests] = model.callers;
  expect(bot?.proofs.map(({ kind }) => kind)).toEqual(['token', 'jwt', 'spiffe', 'dns', 'cn']);
  expect(bot?.proofs[0]).toEqual({ kind: 'token', sha256: 'ab'.repeat(32) });
  expect(bot).toMatchObject({
    account: 'prod',
    rate: 10,
    create: { regions: ['ams'], monthlyCostMax: 80.5, perHour: 20 },
  });
  expect(guests).toMatchObject({ account: undefined, bringOwnKey: true, create: undefined, rate: undefined });
  expect(model.trustedProxies.map(({ text }) => text)).toEqual(['127.0.0.6/32', '::1']);
});

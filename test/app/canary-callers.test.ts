import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { findSecrets } from '../support/canary.ts';
import { ECHOES, ID, type Output, overHttp, remains, throughEveryDoor } from '../support/doors.ts';
import { type FakeAnswer, type Received, startFakeUpstream } from '../support/fake-upstream.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';
import { AUDIENCE, createSigner, ISSUER } from '../support/tokens.ts';

/** Secrets that cannot be mistaken for anything else. */
const ACCOUNT_KEY = 'CANARYKEYOFTHEACCOUNT0123456789FEDCB';
const PASSWORD = 'CANARY-password+of/the=request&%20';
const USER_DATA = '#!/bin/sh export CANARY=user-data-of-the-request';
const KUBECONFIG = 'apiVersion: v1\nusers: [{ token: CANARY-kubeconfig-of-a-cluster }]\n';
const VIRTUAL_KEY = createVirtualKey();
const signer = await createSigner('canary');
const JWT = await signer.sign();

const CARRIED = { password: PASSWORD, userData: USER_DATA };
const PROOFS = [VIRTUAL_KEY.key, JWT];
const SECRETS = [ACCOUNT_KEY, PASSWORD, USER_DATA, 'CANARY=user-data-of-the-request', KUBECONFIG, ...PROOFS];
/** The account key is the only one that the caller does not know. */
const ITS_OWN = SECRETS.filter((secret) => secret !== ACCOUNT_KEY);
const BY_KEY = { authorization: `Bearer ${VIRTUAL_KEY.key}` };
const BY_JWT = { authorization: `Bearer ${JWT}` };

/** The service with a callers file, an audit log and state, all in one folder that can be searched. */
async function start(answer: (request: Received) => FakeAnswer) {
  const files = temporaryFolder();
  const at = (name: string): string => join(files, name);
  writeFileSync(at('key'), ACCOUNT_KEY);
  writeFileSync(at('jwks.json'), JSON.stringify({ keys: [signer.publicJwk] }));
  writeFileSync(
    at('callers.yaml'),
    `accounts: { team: { key_file: ${at('key')} } }
issuers: [ { name: idp, issuer: "${ISSUER}", audience: ${AUDIENCE}, jwks_file: ${at('jwks.json')} } ]
callers:
  - { name: bot, is: [ { token_sha256: ${VIRTUAL_KEY.sha256} } ], account: team, allow: [ "*" ] }
  - { name: job, is: [ { jwt: { issuer: idp, subject: deployer } } ], account: team, allow: [ "*" ] }
`,
  );
  const vultr = await startFakeUpstream(answer);
  const stateDir = temporaryFolder();
  const collector = await startOtlpReceiver();
  const service = await startService(
    {
      upstream: vultr.url,
      httpListen: { host: '127.0.0.1', port: 0 },
      callTimeoutMs: 400,
      callersFile: at('callers.yaml'),
      auditFile: join(stateDir, 'audit.jsonl'),
      stateDir,
    },
    { env: process.env },
  );
  return { service, vultr, stateDir, collector };
}

type Running = Awaited<ReturnType<typeof start>>;

/** Searches everything that is left of a run, and what callers were told. */
async function expectNoSecret(
  { service, stateDir, collector }: Running,
  replies: readonly Output[],
): Promise<void> {
  const left = await remains(service, stateDir, collector, BY_KEY);
  expect(left.find(({ what }) => what === 'audit.jsonl')?.text.length).toBeGreaterThan(0);
  for (const { what, text, allowed = [] } of [...left, ...replies]) {
    const found = findSecrets(text, SECRETS).filter((secret) => !allowed.includes(secret));
    expect(found, what).toEqual([]);
  }
}

/** Of what a request holds, what Vultr repeats: a secret of its body, else the key that it was made with. */
function repeatedOf({ body, authorization = '' }: Received): string {
  if (body.includes('CANARY-password')) return PASSWORD;
  if (body.includes('user_data')) return USER_DATA;
  return authorization.slice('Bearer '.length);
}

describe('a secret of a request that Vultr repeats is told to its caller at most', () => {
  test.each(ECHOES)('%s', async (_where, echo) => {
    const running = await start((request) => echo(repeatedOf(request)));
    const replies = [
      ...(await throughEveryDoor(running.service, BY_KEY, CARRIED)),
      ...(await throughEveryDoor(running.service, BY_JWT, CARRIED)),
    ];
    expect(running.vultr.received.some(({ body }) => body.includes('CANARY-password'))).toBe(true);
    expect(running.vultr.received.some(({ body }) => body.includes('user_data'))).toBe(true);
    expect(running.vultr.received.every(({ authorization }) => authorization?.endsWith(ACCOUNT_KEY))).toBe(
      true,
    );
    await expectNoSecret(
      running,
      replies.map((reply) => ({ ...reply, allowed: ITS_OWN })),
    );
  });
});

test('a kubeconfig stands in the reply that carries it and nowhere else', async () => {
  const config = { kube_config: Buffer.from(KUBECONFIG).toString('base64') };
  const running = await start(({ url }) => (url.includes('/config') ? [200, config] : [400, config]));
  const ask = (line: string, allowed: readonly string[]): Promise<Output> =>
    overHttp(running.service, line, undefined, BY_KEY, allowed);
  const reply = await ask(`GET /v2/kubernetes/clusters/${ID}/config`, ITS_OWN);
  expect(findSecrets(reply.text, [KUBECONFIG])).toEqual([KUBECONFIG]);
  await ask(`POST /v2/kubernetes/clusters`, ITS_OWN);
  await expectNoSecret(running, [reply]);
});

/** Requests with a proof where somebody may have put it by mistake. */
const MISPLACED = (proof: string): readonly [string, unknown, Record<string, string>][] => [
  [`GET /api/instances?access_token=${proof}`, undefined, {}],
  [`GET /api/instances?accessToken=${proof}&lable=web`, undefined, BY_KEY],
  [`GET /v2/instances?api_key=${proof}`, undefined, BY_KEY],
  [`DELETE /v2/instances/x?token=${proof}`, undefined, BY_KEY],
  ['GET /v2/instances', undefined, { authorization: proof }],
  [
    'GET /v2/instances',
    undefined,
    { authorization: `Basic ${Buffer.from(`u:${proof}`).toString('base64')}` },
  ],
  ['GET /v2/instances', undefined, { authorization: `Bearer ${proof}x` }],
  ['GET /v2/instances', undefined, { ...BY_KEY, cookie: `token=${proof}` }],
  ['POST /v2/users', { name: 'u', password: proof }, BY_KEY],
  ['POST /v2/users', { name: 'u', api_token: [proof] }, BY_JWT],
];

test.each([
  ['virtual key', VIRTUAL_KEY.key],
  ['JWT', JWT],
])('a %s in the wrong place is recorded nowhere', async (_what, proof) => {
  const running = await start(({ url, body }) => [400, { error: `Bad request ${url} ${body}` }]);
  const replies = await Promise.all(
    MISPLACED(proof).map(([line, body, headers]) =>
      overHttp(running.service, line, body, headers, [...ITS_OWN]),
    ),
  );
  await expectNoSecret(running, replies);
});

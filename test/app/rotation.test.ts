import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import type { ServeConfig } from '../../src/config/settings.ts';
import { type CertificateFiles, createCa } from '../support/access.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { closeAtEnd } from '../support/opened.ts';
import { callUnary, connectSecure, sendHttps } from '../support/secure-clients.ts';
import { startSecureUpstream } from '../support/secure-upstream.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';
import { AUDIENCE, createSigner, ISSUER, type TokenSigner } from '../support/tokens.ts';

const certificates = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(certificates, { recursive: true }));
const ca = createCa(certificates);
const otherCa = createCa(certificates, 'other-ca');
const names = 'IP:127.0.0.1,DNS:localhost';
const first = ca.issue('first', { subject: '/CN=first', altNames: names });
const second = ca.issue('second', { subject: '/CN=second', altNames: names });
const foreigner = otherCa.issue('foreigner', { subject: '/CN=foreigner' });
const foreignServer = otherCa.issue('foreign-server', { subject: '/CN=foreign-server', altNames: names });
const guest = ca.issue('guest', { subject: '/CN=guest' });
const crls = {
  before: ca.revoke('before.crl', ca.issue('gone', { subject: '/CN=gone' })),
  after: ca.revoke('after.crl', guest),
};

const NOT_RELOADED = 'certificates not reloaded: the old ones stay in use';

/**
 * Waits for the second within which a change is promised to be in force, in turns like those in which the service looks at its
 * files: on a machine that is busy with other things, they take longer, and so does the second.
 */
async function aSecond(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await sleep(200);
    await stat(certificates);
  }
}

/** For what has no promise of its own, on a busy machine. */
const SOON = { timeout: 20_000, interval: 20 };

const keys = { old: createVirtualKey(), new: createVirtualKey() };
const signers = { old: await createSigner('old'), new: await createSigner('new') };
const keySet = (...of: readonly TokenSigner[]): string =>
  JSON.stringify({ keys: of.map(({ publicJwk }) => publicJwk) });

/** Replaces a file in one step. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

function replacePair(live: CertificateFiles, { cert, key }: CertificateFiles): void {
  for (const [from, to] of [
    [cert, live.cert],
    [key, live.key],
  ] as const) {
    copyFileSync(from, `${to}.next`);
    renameSync(`${to}.next`, to);
  }
}

/** The service with files that can be replaced, before an upstream that takes some keys and refuses the others. */
async function start(more: Partial<ServeConfig> = {}) {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const accepted = new Set(['VULTR-KEY-1', 'VULTR-KEY-2']);
  const upstream = await startFakeUpstream(({ authorization }) =>
    accepted.has(authorization?.replace('Bearer ', '') ?? '')
      ? [200, { instances: [], meta: { total: 0, links: { next: '', prev: '' } } }]
      : [401, { error: 'Invalid API token.', status: 401 }],
  );
  const callers = (further = ''): string =>
    `accounts: { prod: { key_file: ${at('prod')} } }
issuers: [ { name: idp, issuer: "${ISSUER}", audience: ${AUDIENCE}, jwks_file: ${at('jwks.json')} } ]
callers:
  - { name: old, is: [ { token_sha256: ${keys.old.sha256} } ], account: prod, allow: ["*"] }
  - { name: guest, is: [ { cn: guest } ], account: prod, allow: ["*"] }
  - { name: foreigner, is: [ { cn: foreigner } ], account: prod, allow: ["*"] }
  - { name: deployer, is: [ { jwt: { issuer: idp, subject: deployer } } ], account: prod, allow: ["*"] }
${further}`;
  const live = { cert: at('live.pem'), key: at('live.key') };
  replacePair(live, first);
  copyFileSync(ca.cert, at('clients.pem'));
  writeFileSync(at('prod'), 'VULTR-KEY-1');
  writeFileSync(at('jwks.json'), keySet(signers.old));
  writeFileSync(at('callers.yaml'), callers());
  const service = await startService({
    upstream: upstream.url,
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: at('callers.yaml'),
    tlsCert: live.cert,
    tlsKey: live.key,
    tlsClientCa: at('clients.pem'),
    tlsClientAuth: 'optional',
    ...more,
  });
  const { grpcAddress, httpAddress = '' } = service.app;
  return { ...service, at, accepted, upstream, callers, live, grpcAddress, httpAddress };
}

type Running = Awaited<ReturnType<typeof start>>;

const LIST = '/vultr.v2.InstancesService/ListInstances';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Calls without a pause, from clients that stay connected and from clients that connect anew, until it is stopped. */
function callOn({ grpcAddress, httpAddress }: Running) {
  const failures: unknown[] = [];
  let calls = 0;
  let isOver = false;
  const tls = { ca: ca.cert };
  const repeat = async (call: () => Promise<unknown>): Promise<void> => {
    while (!isOver) {
      await call().catch((error: unknown) => failures.push(error));
      calls += 1;
    }
  };
  const clients = [1, 2, 3].map(() => connectSecure(grpcAddress, tls));
  const running = [
    ...clients.map((client) => repeat(() => callUnary(client, LIST, new Uint8Array(), bearer(keys.old.key)))),
    ...[1, 2].map(() =>
      repeat(async () => {
        const { status, text } = await sendHttps(
          httpAddress,
          'GET',
          '/v2/instances',
          tls,
          bearer(keys.old.key),
        );
        if (status !== 200) throw new Error(`${status} ${text}`);
      }),
    ),
  ];
  const end = async (): Promise<void> => {
    isOver = true;
    await Promise.all(running);
  };
  // A test that fails does not come to its end, and the clients must not outlive the service.
  closeAtEnd(end);
  return {
    stop: async () => {
      // The load goes on for a while under what is new.
      const now = calls;
      await expect.poll(() => calls, SOON).toBeGreaterThan(now + 20);
      await end();
      expect(failures).toEqual([]);
    },
  };
}

/** The name in the certificate that a new connection is shown. */
async function shownBy(address: string, protocol: string): Promise<unknown> {
  const { hostname, port } = new URL(`https://${address}`);
  const socket = connect({
    host: hostname,
    port: Number(port),
    rejectUnauthorized: false,
    ALPNProtocols: [protocol],
  });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  socket.once('error', reject);
  socket.once('secureConnect', () => resolve(socket.getPeerCertificate().subject.CN));
  const name = await promise;
  socket.destroy();
  return name;
}

/** The status that a caller with a client certificate gets on a connection of its own. */
const statusFor = async ({ httpAddress }: Running, certificate: CertificateFiles): Promise<number> =>
  (await sendHttps(httpAddress, 'GET', '/v2/instances', { ca: ca.cert, certificate })).status;

const statusWith = async ({ httpAddress }: Running, key: string): Promise<number> =>
  (await sendHttps(httpAddress, 'GET', '/v2/instances', { ca: ca.cert }, bearer(key))).status;

// The machine may stop for longer than the promise leaves; it will not do so three times.
describe('while calls go on without a failure', { retry: 2 }, () => {
  test('the certificate is replaced on both sides, and a bad one is not', async () => {
    const running = await start();
    const { live, log, grpcAddress, httpAddress } = running;
    const load = callOn(running);
    expect(await shownBy(grpcAddress, 'h2')).toBe('first');
    replacePair(live, second);
    await aSecond();
    expect(await shownBy(grpcAddress, 'h2')).toBe('second');
    for (const protocol of ['http/1.1', 'h2']) expect(await shownBy(httpAddress, protocol)).toBe('second');
    replace(live.key, 'no key');
    await expect.poll(() => log.lines({ msg: NOT_RELOADED }).length, SOON).toBe(1);
    expect(await shownBy(grpcAddress, 'h2')).toBe('second');
    await load.stop();
  });

  test('the bundle of those who issue client certificates is replaced', async () => {
    const running = await start();
    const load = callOn(running);
    expect(await statusFor(running, foreigner)).toBe(401);
    copyFileSync(otherCa.cert, running.at('next'));
    renameSync(running.at('next'), running.at('clients.pem'));
    await aSecond();
    expect(await statusFor(running, foreigner)).toBe(200);
    await load.stop();
  });

  test('the list of revoked certificates is replaced, and a bad one is not', async () => {
    const crl = join(temporaryFolder(), 'crl.pem');
    copyFileSync(crls.before, crl);
    const running = await start({ tlsCrl: crl });
    const load = callOn(running);
    expect(await statusFor(running, guest)).toBe(200);
    replace(crl, readFileSync(crls.after, 'utf8'));
    await aSecond();
    expect(await statusFor(running, guest)).toBe(401);
    replace(crl, 'no list');
    await expect.poll(() => running.log.lines({ msg: NOT_RELOADED }).length, SOON).toBe(1);
    expect(await statusFor(running, guest)).toBe(401);
    await load.stop();
  });

  test('the certificate and the CAs for the side of Vultr are replaced, and a bad pair is not', async () => {
    const folder = temporaryFolder();
    const at = (name: string): string => join(folder, name);
    const files = { cert: at('cert.pem'), key: at('cert.key') };
    replacePair(files, first);
    copyFileSync(ca.cert, at('cas.pem'));
    const upstream = await startSecureUpstream(first, ca);
    const running = await start({
      upstream: upstream.url,
      upstreamCa: at('cas.pem'),
      upstreamCert: files.cert,
      upstreamKey: files.key,
    });
    const load = callOn(running);
    expect(await statusWith(running, keys.old.key)).toBe(200);
    expect(upstream.shown).toContain('first');
    replacePair(files, second);
    replace(at('cas.pem'), [ca, otherCa].map(({ cert }) => readFileSync(cert, 'utf8')).join(''));
    await aSecond();
    const before = upstream.shown.length;
    expect(await statusWith(running, keys.old.key)).toBe(200);
    expect(upstream.shown.slice(before)).toContain('second');
    upstream.show(foreignServer);
    expect(await statusWith(running, keys.old.key)).toBe(200);
    replace(files.key, 'no key');
    await expect.poll(() => running.log.lines({ msg: NOT_RELOADED }).length, SOON).toBe(1);
    await load.stop();
    expect(upstream.shown.at(-1)).toBe('second');
  });

  test('the keys of an issuer are replaced, and a bad set is not', async () => {
    const running = await start();
    const load = callOn(running);
    const [before, after] = [await signers.old.sign(), await signers.new.sign()];
    expect([await statusWith(running, before), await statusWith(running, after)]).toEqual([200, 401]);
    replace(running.at('jwks.json'), keySet(signers.new));
    await aSecond();
    expect([await statusWith(running, before), await statusWith(running, after)]).toEqual([401, 200]);
    replace(running.at('jwks.json'), '{"keys":');
    await expect.poll(() => running.log.lines({ msg: 'signing keys not renewed' }).length, SOON).toBe(1);
    expect(await statusWith(running, after)).toBe(200);
    await load.stop();
  });

  test('the callers file is replaced, and a bad one is not', async () => {
    const running = await start();
    const { at, log, callers } = running;
    const load = callOn(running);
    expect(await statusWith(running, keys.new.key)).toBe(401);
    const added = `  - { name: new, is: [ { token_sha256: ${keys.new.sha256} } ], account: prod, allow: ["*"] }\n`;
    replace(at('callers.yaml'), callers(added));
    await aSecond();
    expect(await statusWith(running, keys.new.key)).toBe(200);
    replace(at('callers.yaml'), callers('  - { name: old, alow: [] }\n'));
    const refused = 'callers file not reloaded: the old rules stay in force';
    await expect.poll(() => log.lines({ msg: refused }).length, SOON).toBe(1);
    expect(await statusWith(running, keys.new.key)).toBe(200);
    await load.stop();
  });

  test('the key file is replaced, and the old key is refused from then on', async () => {
    const running = await start();
    const { at, upstream, accepted } = running;
    const load = callOn(running);
    replace(at('prod'), 'VULTR-KEY-2\n');
    // Vultr may refuse the old key before the change of the file was seen.
    accepted.delete('VULTR-KEY-1');
    await aSecond();
    expect(await statusWith(running, keys.old.key)).toBe(200);
    expect(upstream.received.at(-1)?.authorization).toBe('Bearer VULTR-KEY-2');
    await load.stop();
    expect(running.log.text).not.toContain('VULTR-KEY');
  });
});

test('the ends of the certificates are in the metrics', async () => {
  const { httpAddress } = await start();
  const { text } = await sendHttps(httpAddress, 'GET', '/metrics', { ca: ca.cert }, bearer(keys.old.key));
  const ends = [...text.matchAll(/^tls_certificate_expiry_timestamp_seconds\{([^}]*)\} (\S+)$/gm)];
  expect(ends.map(([, labels]) => labels).join('\n')).toMatch(/subject="CN=first"[\s\S]*subject="CN=ca"/);
  const days = ends.map(([, , seconds]) => Math.round((Number(seconds) - Date.now() / 1_000) / 86_400));
  expect(days).toEqual([1, 2]);
});

test('a variable with a key leaves the environment of the process, also when the file names it later', async () => {
  const callersFile = join(temporaryFolder(), 'callers.yaml');
  const naming = (variable: string): string =>
    `accounts: { prod: { key_env: ${variable} } }
callers: [ { name: old, is: [ { token_sha256: ${keys.old.sha256} } ], account: prod, allow: ["*"] } ]
`;
  const told: string[] = [];
  writeFileSync(callersFile, naming('FIRST_KEY'));
  await startService(
    { callersFile },
    {
      env: { FIRST_KEY: 'VULTR-KEY-1', SECOND_KEY: 'VULTR-KEY-2' },
      onSecretVariable: (name) => told.push(name),
    },
  );
  expect(told).toEqual(['FIRST_KEY']);
  replace(callersFile, naming('SECOND_KEY'));
  await expect.poll(() => told, SOON).toContain('SECOND_KEY');
});

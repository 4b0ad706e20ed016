import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { type CertificateFiles, createCa } from '../support/access.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { callUnary, connectSecure, sendHttps } from '../support/secure-clients.ts';
import { startService } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const certificates = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(certificates, { recursive: true }));
const ca = createCa(certificates);
const otherCa = createCa(certificates, 'other-ca');
const names = 'IP:127.0.0.1,DNS:localhost';
const first = ca.issue('first', { subject: '/CN=first', altNames: names });
const second = ca.issue('second', { subject: '/CN=second', altNames: names });
const foreigner = otherCa.issue('foreigner', { subject: '/CN=foreigner' });

/** What is promised: a change is in force within a second. */
const WITHIN_A_SECOND = { timeout: 1_000, interval: 20 };

/** For what has no promise of its own, on a busy machine. */
const SOON = { timeout: 5_000, interval: 20 };

const keys = { old: createVirtualKey(), new: createVirtualKey() };

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
async function start() {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const accepted = new Set(['VULTR-KEY-1', 'VULTR-KEY-2']);
  const upstream = await startFakeUpstream(({ authorization }) =>
    accepted.has(authorization?.replace('Bearer ', '') ?? '')
      ? [200, { instances: [], meta: { total: 0, links: { next: '', prev: '' } } }]
      : [401, { error: 'Invalid API token.', status: 401 }],
  );
  const callers = (more = ''): string =>
    `accounts: { prod: { key_file: ${at('prod')} } }
callers:
  - { name: old, is: [ { token_sha256: ${keys.old.sha256} } ], account: prod, allow: ["*"] }
  - { name: foreigner, is: [ { cn: foreigner } ], account: prod, allow: ["*"] }
${more}`;
  const live = { cert: at('live.pem'), key: at('live.key') };
  replacePair(live, first);
  copyFileSync(ca.cert, at('clients.pem'));
  writeFileSync(at('prod'), 'VULTR-KEY-1');
  writeFileSync(at('callers.yaml'), callers());
  const service = await startService({
    upstream: upstream.url,
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: at('callers.yaml'),
    tlsCert: live.cert,
    tlsKey: live.key,
    tlsClientCa: at('clients.pem'),
    tlsClientAuth: 'optional',
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
  return {
    stop: async () => {
      // The load goes on for a while under what is new.
      const now = calls;
      await expect.poll(() => calls, SOON).toBeGreaterThan(now + 20);
      isOver = true;
      await Promise.all(running);
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
    await expect.poll(() => shownBy(grpcAddress, 'h2'), WITHIN_A_SECOND).toBe('second');
    for (const protocol of ['http/1.1', 'h2'])
      await expect.poll(() => shownBy(httpAddress, protocol), WITHIN_A_SECOND).toBe('second');
    replace(live.key, 'no key');
    const refused = 'certificates not reloaded: the old ones stay in use';
    await expect.poll(() => log.lines({ msg: refused }).length, SOON).toBe(1);
    expect(await shownBy(grpcAddress, 'h2')).toBe('second');
    await load.stop();
  });

  test('the bundle of those who issue client certificates is replaced', async () => {
    const running = await start();
    const load = callOn(running);
    const status = async (): Promise<number> =>
      (
        await sendHttps(running.httpAddress, 'GET', '/v2/instances', {
          ca: ca.cert,
          certificate: foreigner,
        })
      ).status;
    expect(await status()).toBe(401);
    copyFileSync(otherCa.cert, running.at('next'));
    renameSync(running.at('next'), running.at('clients.pem'));
    await expect.poll(status, WITHIN_A_SECOND).toBe(200);
    await load.stop();
  });

  test('the callers file is replaced, and a bad one is not', async () => {
    const running = await start();
    const { at, log, callers } = running;
    const load = callOn(running);
    expect(await statusWith(running, keys.new.key)).toBe(401);
    const added = `  - { name: new, is: [ { token_sha256: ${keys.new.sha256} } ], account: prod, allow: ["*"] }\n`;
    replace(at('callers.yaml'), callers(added));
    await expect.poll(() => statusWith(running, keys.new.key), WITHIN_A_SECOND).toBe(200);
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
    await expect
      .poll(() => upstream.received.at(-1)?.authorization, WITHIN_A_SECOND)
      .toBe('Bearer VULTR-KEY-2');
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

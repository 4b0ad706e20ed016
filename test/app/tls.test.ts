import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { createCa } from '../support/access.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { closeAtEnd } from '../support/opened.ts';
import { callUnary, connectSecure, sendHttps } from '../support/secure-clients.ts';
import { startSecureUpstream } from '../support/secure-upstream.ts';
import { KEY, startOnSandbox, startService } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ca = createCa(folder);
const otherCa = createCa(folder, 'other-ca');
const server = ca.issue('server', { subject: '/CN=server', altNames: 'IP:127.0.0.1,DNS:localhost' });
const good = ca.issue('good', { subject: '/CN=good' });
const revoked = ca.issue('revoked', { subject: '/CN=good' });
const bad = {
  expired: ca.issue('expired', { subject: '/CN=good', days: -1 }),
  'of another CA': otherCa.issue('foreign', { subject: '/CN=good' }),
  revoked,
};
const crl = ca.revoke('revoked.crl', revoked);

writeFileSync(join(folder, 'prod'), KEY);
writeFileSync(
  join(folder, 'callers.yaml'),
  `accounts: { prod: { key_file: ${join(folder, 'prod')} } }
callers: [ { name: good, is: [ { cn: good } ], account: prod, allow: ["*"] } ]
`,
);

async function start(tlsClientAuth: 'optional' | 'required' = 'optional') {
  const { app } = await startOnSandbox({
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: join(folder, 'callers.yaml'),
    tlsCert: server.cert,
    tlsKey: server.key,
    tlsClientCa: ca.cert,
    tlsCrl: crl,
    tlsClientAuth,
  });
  return { grpc: app.grpcAddress, http: app.httpAddress ?? '' };
}

type Addresses = Awaited<ReturnType<typeof start>>;
const SIDES = [
  ['grpc', ['h2'], 'http/1.1'],
  ['http', ['h2', 'http/1.1'], 'h3'],
] as const;

const portOf = (address: string): number => Number(new URL(`http://${address}`).port);

async function handshake(address: string, version: SecureVersion, protocol: string) {
  const socket = connect({
    port: portOf(address),
    host: '127.0.0.1',
    ca: readFileSync(ca.cert),
    minVersion: version,
    maxVersion: version,
    ALPNProtocols: [protocol],
  });
  closeAtEnd(() => socket.destroy());
  await once(socket, 'secureConnect');
  return [socket.getProtocol(), socket.alpnProtocol];
}

const LIST = '/vultr.v2.InstancesService/ListInstances';
const works = async ({ grpc, http }: Addresses): Promise<void> => {
  const tls = { ca: ca.cert, certificate: good };
  await callUnary(connectSecure(grpc, tls), LIST, new Uint8Array());
  expect((await sendHttps(http, 'GET', '/v2/instances', tls)).status).toBe(200);
};

describe.each(SIDES)('the %s side', (side, protocols, other) => {
  test('speaks TLS 1.2 and 1.3, and its own protocols alone', async () => {
    const address = (await start())[side];
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const protocol of protocols)
        expect(await handshake(address, version, protocol)).toEqual([version, protocol]);
    }
    await expect(handshake(address, 'TLSv1.1', protocols[0])).rejects.toThrow();
    await expect(handshake(address, 'TLSv1.3', other)).rejects.toThrow();
  });

  test('ends connections in plain text, and goes on', async () => {
    const addresses = await start();
    for (const text of [
      'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01',
    ]) {
      const socket = connectPlain(portOf(addresses[side]), '127.0.0.1');
      closeAtEnd(() => socket.destroy());
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(text);
      await once(socket, 'close');
    }
    await works(addresses);
  });

  test('lets in others beside 250 connections that never finish a handshake', async () => {
    const addresses = await start();
    const silent: Socket[] = [];
    for (let count = 0; count < 250; count += 1) {
      const socket = connectPlain(portOf(addresses[side]), '127.0.0.1');
      closeAtEnd(() => socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      silent.push(socket);
    }
    await works(addresses);
  });
});

describe.each(Object.entries(bad))('a client certificate that is %s', (_name, certificate) => {
  test('ends the handshake where one is required', async () => {
    const addresses = await start('required');
    const tls = { ca: ca.cert, certificate };
    const call = callUnary(connectSecure(addresses.grpc, tls), LIST, new Uint8Array());
    expect(await failureOf(call)).toMatchObject({ code: 'UNAVAILABLE', info: undefined });
    await expect(sendHttps(addresses.http, 'GET', '/v2/instances', tls)).rejects.toThrow();
    await works(addresses);
  });

  test('proves nobody where none is required', async () => {
    const addresses = await start();
    const tls = { ca: ca.cert, certificate };
    const call = callUnary(connectSecure(addresses.grpc, tls), LIST, new Uint8Array());
    expect(await failureOf(call)).toMatchObject({
      code: 'UNAUTHENTICATED',
      info: { reason: 'CALLER_UNKNOWN' },
    });
    expect((await sendHttps(addresses.http, 'GET', '/v2/instances', tls)).status).toBe(401);
  });
});

describe('an upstream that speaks TLS', () => {
  test('is verified by UPSTREAM_CA and shown the client certificate', async () => {
    const { shown, url } = await startSecureUpstream(server, ca);
    const { client } = await startService({
      upstream: url,
      upstreamCa: ca.cert,
      upstreamCert: good.cert,
      upstreamKey: good.key,
    });
    await client.ask('listInstances', {});
    expect(shown).toEqual(['good']);
  });

  test.each([
    ['another CA', otherCa.cert],
    ['the well-known ones', undefined],
  ])('is not asked when it is verified by %s', async (_name, upstreamCa) => {
    const { shown, url } = await startSecureUpstream(server, ca);
    const { client } = await startService({ upstream: url, upstreamCa });
    expect(await failureOf(client.ask('listInstances', {}, { deadline: Date.now() + 5_000 }))).toMatchObject({
      code: expect.stringMatching(/^(?:UNAVAILABLE|DEADLINE_EXCEEDED)$/),
    });
    expect(shown).toEqual([]);
  });
});

import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type SecureVersion, type Server, type TLSSocket } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readTlsFiles, tlsServerOptions } from '../../src/access/tls-files.ts';
import { openTls } from '../../src/access/tls-reload.ts';
import { createCa } from '../support/access.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ca = createCa(folder);
const first = ca.issue('first', { subject: '/CN=first', altNames: 'IP:127.0.0.1' });
const second = ca.issue('second', { subject: '/CN=second', altNames: 'IP:127.0.0.1' });

/** A folder of its own with a pair that can be replaced. */
function pairIn(name: string) {
  const files = { cert: join(folder, `${name}-live.pem`), key: join(folder, `${name}-live.key`) };
  const put = (from: { cert: string; key: string }): void => {
    copyFileSync(from.cert, files.cert);
    copyFileSync(from.key, files.key);
  };
  put(first);
  return { files, put };
}

async function listen(server: Server): Promise<number> {
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function open(
  port: number,
  maxVersion: SecureVersion = 'TLSv1.3',
  ALPNProtocols = ['h2'],
): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: readFileSync(ca.cert),
    maxVersion,
    minVersion: 'TLSv1',
    ALPNProtocols,
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const nameOf = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject.CN;

describe('files that TLS is not made of:', () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test.each([
    [
      'a certificate that is missing',
      { ...first, cert: join(folder, 'none') },
      'none cannot be read (ENOENT)',
    ],
    ['a key that is missing', { ...first, key: join(folder, 'none') }, 'none cannot be read (ENOENT)'],
    ['a key of another certificate', { ...first, key: second.key }, 'does not belong to the certificate'],
    ['a certificate that is empty', { ...first, cert: file('empty', '') }, 'no certificate in PEM'],
    [
      'a certificate in pieces',
      { ...first, cert: file('cut', readFileSync(first.cert, 'utf8').slice(0, 200)) },
      'no certificate in PEM',
    ],
    [
      'a certificate of noise',
      { ...first, cert: file('noise', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') },
      'cannot be read',
    ],
    ['a key that is none', { ...first, key: first.cert }, 'does not hold a private key'],
    ['a bundle without certificates', { ...first, ca: first.key }, 'no certificate in PEM'],
    [
      'a list of revoked ones that is none',
      { ...first, ca: ca.cert, crl: first.cert },
      'do not fit together',
    ],
  ])('%s', async (_name, files, message) => {
    await expect(readTlsFiles(files)).rejects.toThrow(message);
  });
});

test('the expiry of all certificates is reported', async () => {
  const { expiries } = await readTlsFiles({ ...first, ca: ca.cert });
  expect(expiries.map(({ file, subject }) => [file, subject])).toEqual([
    [first.cert, 'CN=first'],
    [ca.cert, 'CN=ca'],
  ]);
  const days = expiries.map(({ expiresAtMs }) => Math.round((expiresAtMs - Date.now()) / 86_400_000));
  expect(days).toEqual([1, 2]);
});

test('TLS 1.2 and 1.3 are spoken, and nothing older; ALPN must agree', async () => {
  const port = await listen(createServer(tlsServerOptions(await readTlsFiles(first), 'off', ['h2'])));
  expect((await open(port, 'TLSv1.2')).getProtocol()).toBe('TLSv1.2');
  const socket = await open(port);
  expect(socket.getProtocol()).toBe('TLSv1.3');
  expect(socket.alpnProtocol).toBe('h2');
  await expect(open(port, 'TLSv1.1')).rejects.toThrow();
  await expect(open(port, 'TLSv1.3', ['http/1.1'])).rejects.toThrow();
});

describe('a pair that is replaced', () => {
  test('serves the next connection, and those that are there go on', async () => {
    const { files, put } = pairIn('replaced');
    const reloads: string[] = [];
    const tls = await openTls({
      files,
      onReload: ({ expiries }) => reloads.push(expiries[0]?.subject ?? ''),
      onError: () => undefined,
      intervalMs: 20,
    });
    onTestFinished(() => tls[Symbol.dispose]());
    const server = createServer(tlsServerOptions(tls.current, 'off', ['h2']));
    tls.follow(server);
    const port = await listen(server);
    const old = await open(port);
    expect(nameOf(old)).toBe('first');
    put(second);
    await vi.waitFor(() => expect(reloads).toEqual(['CN=second']), { timeout: 2_000 });
    expect(nameOf(await open(port))).toBe('second');
    old.write('still here');
    expect(String((await once(old, 'data'))[0])).toBe('still here');
  });

  test('by one that does not fit stays in use, which is reported once', async () => {
    const { files, put } = pairIn('misfit');
    const errors: string[] = [];
    const reloads: unknown[] = [];
    const tls = await openTls({
      files,
      onReload: (to) => reloads.push(to),
      onError: (text) => errors.push(text),
      intervalMs: 20,
    });
    onTestFinished(() => tls[Symbol.dispose]());
    const { current } = tls;
    copyFileSync(second.cert, files.cert);
    await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 2_000 });
    expect(errors[0]).toContain('does not belong');
    expect(tls.current).toBe(current);
    put(second);
    await vi.waitFor(() => expect(reloads).toHaveLength(1), { timeout: 2_000 });
    expect(errors).toHaveLength(1);
  });
});

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { type CertificateFiles, createCa } from '../support/access.ts';
import { closeAtEnd } from '../support/opened.ts';
import { frameOf } from '../support/rpc-frames.ts';
import { KEY, startOnSandbox } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ca = createCa(folder);
const otherCa = createCa(folder, 'other-ca');
const server = ca.issue('server', { subject: '/CN=server', altNames: 'IP:127.0.0.1,DNS:localhost' });
const good = ca.issue('good', { subject: '/CN=good' });
const foreign = otherCa.issue('foreign', { subject: '/CN=good' });

writeFileSync(join(folder, 'prod'), KEY);
writeFileSync(
  join(folder, 'callers.yaml'),
  `accounts: { prod: { key_file: ${join(folder, 'prod')} } }
callers: [ { name: good, is: [ { cn: good } ], account: prod, allow: ["*"] } ]
`,
);

async function start(drainDelayMs = 0, shutdownGraceMs = 10_000) {
  const service = await startOnSandbox({
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: join(folder, 'callers.yaml'),
    tlsCert: server.cert,
    tlsKey: server.key,
    tlsClientCa: ca.cert,
    tlsClientAuth: 'optional',
    drainDelayMs,
    shutdownGraceMs,
  });
  return { ...service, http: service.app.httpAddress ?? '' };
}

async function open(address: string, certificate?: CertificateFiles): Promise<ClientHttp2Session> {
  const session = connect(`https://${address}`, {
    ca: readFileSync(ca.cert),
    ...(certificate !== undefined && {
      cert: readFileSync(certificate.cert),
      key: readFileSync(certificate.key),
    }),
  });
  session.on('error', () => undefined);
  closeAtEnd(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Uint8Array) {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [{ ':status': status }] = (await once(stream, 'response')) as [Record<string, unknown>];
  return { status, text: Buffer.concat(await stream.toArray()).toString() };
}

const LIST = '/vultr.v2.InstancesService/ListInstances';
const rpc = (type: string): OutgoingHttpHeaders => ({
  ':method': 'POST',
  ':path': LIST,
  'content-type': type,
});

/** Each way to ask for the instances, and what the reply of a caller and the refusal of a stranger look like. */
const WAYS = [
  ['/api', { ':path': '/api/instances' }, undefined, [200, '"instances"'], [401, 'CALLER_UNKNOWN']],
  ['/v2', { ':path': '/v2/instances' }, undefined, [200, '"instances"'], [401, 'CALLER_UNKNOWN']],
  ['Connect', rpc('application/json'), '{}', [200, '"instances"'], [401, 'CALLER_UNKNOWN']],
  [
    'gRPC-Web',
    rpc('application/grpc-web+json'),
    frameOf('{}'),
    [200, 'grpc-status: 0'],
    [200, 'grpc-status: 16'],
  ],
] as const;

describe('the HTTP side with TLS', () => {
  test('speaks HTTP/2 with whoever offers it, and HTTP/1.1 with all others', async () => {
    const { http } = await start();
    const port = Number(new URL(`https://${http}`).port);
    const chosen = async (protocols: string[] | undefined): Promise<unknown> => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        ca: readFileSync(ca.cert),
        ...(protocols !== undefined && { ALPNProtocols: protocols }),
      });
      closeAtEnd(() => socket.destroy());
      await once(socket, 'secureConnect');
      return socket.alpnProtocol;
    };
    expect(await chosen(['http/1.1', 'h2'])).toBe('h2');
    expect(await chosen(['http/1.1'])).toBe('http/1.1');
    expect(await chosen(undefined)).toBe(false);
  });

  test('takes no HTTP/2 on a connection for which it was not chosen, and goes on', async () => {
    const { http } = await start();
    const socket = connectTls({ port: Number(new URL(`https://${http}`).port), ca: readFileSync(ca.cert) });
    closeAtEnd(() => socket.destroy());
    socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(await open(http, good), { ':path': '/api/instances' })).status).toBe(200);
  });

  test.each(WAYS)(
    'knows a caller by its certificate over HTTP/2: %s',
    async (_name, headers, body, own, strange) => {
      const { http } = await start();
      for (const [certificate, [status, text]] of [
        [good, own],
        [foreign, strange],
        [undefined, strange],
      ] as const) {
        const answer = await ask(await open(http, certificate), headers, body);
        expect(answer).toEqual({ status, text: expect.stringContaining(text) });
      }
    },
  );

  test('is called by curl with HTTP/2', async ({ skip }) => {
    const { http } = await start();
    const curl = (...args: string[]) => promisify(execFile)('curl', args);
    const { stdout: version } = await curl('--version').catch(() => ({ stdout: '' }));
    if (!version.includes('HTTP2')) skip('There is no curl with HTTP/2.');
    const tls = ['--cacert', ca.cert, '--cert', good.cert, '--key', good.key];
    const { stdout } = await curl(
      ...['-s', '-w', '\n%{http_version} %{http_code}', ...tls, `https://${http}/api/instances`],
    );
    expect(stdout).toMatch(/"instances".*\n2 200$/s);
  });

  test('bounds what comes over HTTP/2 as what comes over HTTP/1.1', async () => {
    const { http } = await start();
    const session = await open(http, good);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
    const create = { ':method': 'POST', ':path': '/api/instance', 'content-type': 'application/json' };
    const tooLarge = await ask(session, create, Buffer.alloc(1_100_000, ' '));
    expect(tooLarge).toEqual({ status: 413, text: expect.stringContaining('REQUEST_TOO_LARGE') });
    const longHeader = await ask(session, { ':path': '/api/instances', 'x-long': 'x'.repeat(17_000) });
    expect(longHeader.status).toBe(431);
  });

  test('sends callers away when it drains', async () => {
    const { http, app } = await start(300);
    const session = await open(http, good);
    const idle = await open(http, good);
    const codes = [session, idle].map((each) => once(each, 'goaway').then(([code]) => code));
    const stopped = app.close();
    // What is asked for while others learn of it is served.
    expect((await ask(session, { ':path': '/api/instances' })).status).toBe(200);
    expect(await Promise.all(codes)).toEqual([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_NO_ERROR]);
    await stopped;
  });
});

test('a caller who never ends its handshake is cut off with the grace', async () => {
  const { app, http } = await start(0, 50);
  const silent = [http, app.grpcAddress].map((address) => {
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connectTcp(Number(port), hostname);
    closeAtEnd(() => socket.destroy());
    socket.on('error', () => undefined);
    return socket;
  });
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  const ends = silent.map((socket) => once(socket, 'close'));
  const begun = performance.now();
  await app.close();
  await Promise.all(ends);
  // A handshake by itself may take ten seconds.
  expect(performance.now() - begun).toBeLessThan(8_000);
});

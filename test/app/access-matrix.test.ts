import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import { CODES } from '../../src/status/code.ts';
import { type CertificateFiles, createCa } from '../support/access.ts';
import { failureOf } from '../support/grpc-failure.ts';
import { openForFile } from '../support/opened.ts';
import { frameOf } from '../support/rpc-frames.ts';
import {
  callStream,
  callUnary,
  connectSecure,
  rawRequest,
  sendHttps,
  startRelay,
} from '../support/secure-clients.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { AUDIENCE, createSigner, ISSUER } from '../support/tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ca = createCa(folder);
const server = ca.issue('server', { subject: '/CN=server', altNames: 'IP:127.0.0.1,DNS:localhost' });
const signer = await createSigner('k1');

/** What a call brings. */
interface Showing {
  readonly bearer?: string;
  readonly certificate?: CertificateFiles;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the call comes from the address of the trusted proxy. */
  readonly isViaProxy?: boolean;
}

type Right = 'allowed' | 'denied' | 'unknown';
const RIGHTS: readonly Right[] = ['allowed', 'denied', 'unknown'];

const keys = { allowed: createVirtualKey(), denied: createVirtualKey(), unknown: createVirtualKey() };

/** For every kind of proof, who it proves: the callers `<kind>-allowed` and `<kind>-denied`, and somebody unknown. */
const PROOFS: Readonly<Record<string, (right: Right) => Promise<Showing> | Showing>> = {
  'virtual key': (right) => ({ bearer: keys[right].key }),
  JWT: async (right) => ({ bearer: await signer.sign({ sub: `jwt-${right}` }) }),
  'SPIFFE ID of a certificate': (right) => ({
    certificate: ca.issue(`spiffe-${right}`, {
      subject: '/O=x',
      altNames: `URI:spiffe://a.example/${right}`,
    }),
  }),
  'DNS name of a certificate': (right) => ({
    certificate: ca.issue(`dns-${right}`, { subject: '/O=x', altNames: `DNS:${right}.a.example` }),
  }),
  'common name of a certificate': (right) => ({
    certificate: ca.issue(`cn-${right}`, { subject: `/CN=cn-${right}` }),
  }),
  'URI of x-forwarded-client-cert': (right) => ({
    headers: {
      'x-forwarded-client-cert': `By=spiffe://a.example/other;URI=spiffe://a.example/allowed,Hash=00;Subject="CN=x,O=\\"y\\"";URI=spiffe://a.example/${right}`,
    },
    isViaProxy: true,
  }),
  'DNS of x-forwarded-client-cert': (right) => ({
    headers: { 'x-forwarded-client-cert': `Hash=00;DNS=${right}.a.example` },
    isViaProxy: true,
  }),
  'subject of x-forwarded-client-cert': (right) => ({
    headers: { 'x-forwarded-client-cert': `Hash=00;Subject="CN=cn-${right},O=x"` },
    isViaProxy: true,
  }),
  'l5d-client-id': (right) => ({
    headers: { 'l5d-client-id': `${right}.a.example` },
    isViaProxy: true,
  }),
  'own Vultr key': (right) => ({
    bearer: KEY,
    // A key alone proves the one caller that brings its own; a caller proven otherwise may bring one, or may not.
    ...(right !== 'allowed' && {
      certificate: ca.issue(`own-${right}`, { subject: `/CN=own-${right}` }),
    }),
  }),
};

const EVERYTHING = 'allow: ["*"]';
/** Everything that the surfaces below do not ask for. */
const OTHERS = 'allow: ["effect:destroy"]';

const CALLERS = `accounts: { prod: { key_file: ${join(folder, 'prod')} } }
issuers: [ { name: idp, issuer: "${ISSUER}", audience: ${AUDIENCE}, jwks_file: ${join(folder, 'jwks.json')} } ]
trusted_proxies: [ 127.0.0.6/32 ]
callers:
${(['allowed', 'denied'] as const)
  .flatMap((right) => [
    ['key', `token_sha256: ${keys[right].sha256}`, right],
    ['jwt', `jwt: { issuer: idp, subject: jwt-${right} }`, right],
    ['spiffe', `spiffe: spiffe://a.example/${right}`, right],
    ['dns', `dns: ${right}.a.example`, right],
    ['cn', `cn: cn-${right}`, right],
  ])
  .map(
    ([kind, proof, right]) =>
      `  - { name: ${kind}-${right}, is: [ ${proof?.startsWith('jwt') ? proof : `{ ${proof} }`} ], account: prod, ${right === 'allowed' ? EVERYTHING : OTHERS} }`,
  )
  .join('\n')}
  - { name: own-allowed, is: [ own_key: true ], bring_own_key: true, ${EVERYTHING} }
  - { name: own-denied, is: [ { cn: own-denied } ], bring_own_key: true, ${OTHERS} }
  - { name: own-unknown, is: [ { cn: own-unknown } ], account: prod, ${EVERYTHING} }
`;

const opened = openForFile(async () => {
  writeFileSync(join(folder, 'prod'), 'PROD-KEY-THAT-MUST-NOT-LEAK\n');
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [signer.publicJwk] }));
  writeFileSync(join(folder, 'callers.yaml'), CALLERS);
  const service = await startOnSandbox({
    httpListen: { host: '127.0.0.1', port: 0 },
    callersFile: join(folder, 'callers.yaml'),
    tlsCert: server.cert,
    tlsKey: server.key,
    tlsClientCa: ca.cert,
    tlsClientAuth: 'optional',
    auditFile: join(folder, 'audit.log'),
  });
  const { grpcAddress: grpc, httpAddress: http = '' } = service.app;
  const direct = { grpc, http };
  const viaProxy = {
    grpc: await startRelay(grpc, '127.0.0.6'),
    http: await startRelay(http, '127.0.0.6'),
  };
  return { ...service, direct, viaProxy };
});

/** What became of a call. */
interface Outcome {
  /** `OK`, or a status code; over HTTP the status. */
  readonly code: string | number;
  readonly reason: string | undefined;
  readonly text: string;
}

function headersOf({ bearer, headers = {} }: Showing): Record<string, string> {
  return { ...headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
}

async function overGrpc(path: string, message: Uint8Array, showing: Showing, isStream = false) {
  const { direct, viaProxy } = opened();
  const client = connectSecure((showing.isViaProxy ? viaProxy : direct).grpc, {
    ca: ca.cert,
    certificate: showing.certificate,
  });
  const call = (isStream ? callStream : callUnary)(client, path, message, headersOf(showing));
  const reply = await call.catch(() => undefined);
  if (reply !== undefined) return { code: 'OK', reason: undefined, text: reply.toString('latin1') };
  const { code, info, message: text } = await failureOf(call);
  return { code, reason: info?.reason, text };
}

async function overHttp(
  method: string,
  target: string,
  showing: Showing,
  body?: string | Uint8Array,
  contentType = 'application/json',
): Promise<Outcome> {
  const { direct, viaProxy } = opened();
  const { status, text } = await sendHttps(
    (showing.isViaProxy ? viaProxy : direct).http,
    method,
    target,
    { ca: ca.cert, certificate: showing.certificate },
    { 'content-type': contentType, ...headersOf(showing) },
    body,
  );
  return { code: status, reason: /"reason":"([A-Z_]+)"/.exec(text)?.[1], text };
}

async function overWeb(path: string, message: Uint8Array, showing: Showing): Promise<Outcome> {
  const body = frameOf(message);
  const { text } = await overHttp('POST', path, showing, body, 'application/grpc-web');
  const code = Number(/grpc-status: (\d+)/.exec(text)?.[1]);
  const details = Buffer.from(/details-bin: (\S+)/.exec(text)?.[1] ?? '', 'base64').toString('latin1');
  const name = Object.entries(CODES).find(([, { number }]) => number === code)?.[0] ?? '';
  return { code: name, reason: /CALLER_[A-Z]+/.exec(details)?.[0], text };
}

/** The start of every path of a call of CloudService. */
const CLOUD = '/vultr.cloud.v1.CloudService';

const empty = new Uint8Array();
const rawGet = rawRequest({ method: 'GET', path: '/v2/instances' });
const rawUnknown = rawRequest({ method: 'GET', path: '/v2/nothing-known' });
/** `list_services` of the reflection protocol. */
const listServices = Buffer.from([0x3a, 0x00]);

/** A way to call, what an allowed call ends with, and how many requests it then makes of Vultr. */
interface Surface {
  readonly call: (showing: Showing) => Promise<Outcome>;
  readonly ok: string | number;
  readonly requests: number;
  readonly denied: readonly [string | number, string | number];
}

const GRPC = { ok: 'OK', denied: ['PERMISSION_DENIED', 'UNAUTHENTICATED'] } as const;
const HTTP = { ok: 200, denied: [403, 401] } as const;

const SURFACES: Readonly<Record<string, Surface>> = {
  'gRPC: CloudService': {
    ...GRPC,
    requests: 1,
    call: (showing) => overGrpc('/vultr.cloud.v1.CloudService/ListInstances', empty, showing),
  },
  'gRPC: vultr.v2': {
    ...GRPC,
    requests: 1,
    call: (showing) => overGrpc('/vultr.v2.InstancesService/ListInstances', empty, showing),
  },
  'gRPC: RawService': {
    ...GRPC,
    requests: 1,
    call: (showing) => overGrpc('/vultr.v2.RawService/Call', rawGet, showing),
  },
  'gRPC: RawService to what the contract does not know': {
    ...GRPC,
    ok: 'NOT_FOUND',
    requests: 1,
    call: (showing) => overGrpc('/vultr.v2.RawService/Call', rawUnknown, showing),
  },
  'gRPC: reflection': {
    ...GRPC,
    requests: 0,
    call: (showing) =>
      overGrpc('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', listServices, showing, true),
  },
  'HTTP: CloudService': {
    ...HTTP,
    requests: 1,
    call: (showing) => overHttp('GET', '/api/instances', showing),
  },
  'Connect: CloudService': {
    ...HTTP,
    requests: 1,
    call: (showing) => overHttp('POST', `${CLOUD}/ListInstances`, showing, '{}'),
  },
  'Connect: CloudService, by GET': {
    ...HTTP,
    requests: 1,
    call: (showing) =>
      overHttp('GET', `${CLOUD}/ListInstances?connect=v1&encoding=json&message=%7B%7D`, showing),
  },
  'Connect: vultr.v2': {
    ...HTTP,
    requests: 1,
    call: (showing) => overHttp('POST', '/vultr.v2.InstancesService/ListInstances', showing, '{}'),
  },
  'Connect: RawService': {
    ...HTTP,
    requests: 1,
    call: (showing) => overHttp('POST', '/vultr.v2.RawService/Call', showing, rawGet, 'application/proto'),
  },
  'Connect: RawService to what the contract does not know': {
    ...HTTP,
    ok: 404,
    requests: 1,
    call: (showing) =>
      overHttp('POST', '/vultr.v2.RawService/Call', showing, rawUnknown, 'application/proto'),
  },
  'gRPC-Web: CloudService': {
    ...GRPC,
    requests: 1,
    call: (showing) => overWeb(`${CLOUD}/ListInstances`, empty, showing),
  },
  'gRPC-Web: vultr.v2': {
    ...GRPC,
    requests: 1,
    call: (showing) => overWeb('/vultr.v2.InstancesService/ListInstances', empty, showing),
  },
  'gRPC-Web: reflection': {
    ...GRPC,
    requests: 0,
    call: (showing) =>
      overWeb('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', listServices, showing),
  },
  'HTTP: /v2': { ...HTTP, requests: 1, call: (showing) => overHttp('GET', '/v2/instances', showing) },
  'HTTP: /v2, what the contract does not know': {
    ...HTTP,
    ok: 404,
    requests: 1,
    call: (showing) => overHttp('GET', '/v2/nothing-known', showing),
  },
  'HTTP: /metrics': { ...HTTP, requests: 0, call: (showing) => overHttp('GET', '/metrics', showing) },
  'HTTP: /status': { ...HTTP, requests: 0, call: (showing) => overHttp('GET', '/status', showing) },
  'HTTP: /openapi.json': {
    ...HTTP,
    requests: 0,
    call: (showing) => overHttp('GET', '/openapi.json', showing),
  },
  'HTTP: /contract.binpb': {
    ...HTTP,
    requests: 0,
    call: (showing) => overHttp('GET', '/contract.binpb', showing),
  },
};

const surfaces = Object.entries(SURFACES).map(([surface, way]) => ({ surface, ...way }));

/** Certificates are made once, whatever the surface. */
const made = new Map<string, Showing>();
async function showingOf(proof: string, right: Right): Promise<Showing> {
  const name = `${proof} ${right}`;
  const showing = made.get(name) ?? (await PROOFS[proof]?.(right)) ?? {};
  made.set(name, showing);
  return showing;
}

const countRequests = (): number => opened().sandbox.requests.count();

describe.each(Object.keys(PROOFS))('a caller proven by the %s', (proof) => {
  describe.each(RIGHTS)('%s', (right) => {
    test.each(surfaces)('$surface', async ({ call, ok, denied, requests, surface }) => {
      const before = countRequests();
      const { code, reason, text } = await call(await showingOf(proof, right));
      const asked = countRequests() - before;
      if (right === 'allowed') {
        expect([code, asked]).toEqual([ok, requests]);
        return;
      }
      const [forbidden, unknown] = denied;
      expect([code, reason, asked]).toEqual(
        right === 'denied' ? [forbidden, 'CALLER_DENIED', 0] : [unknown, 'CALLER_UNKNOWN', 0],
      );
      if (surface.startsWith('HTTP: /v2'))
        expect(JSON.parse(text)).toMatchObject({ error: expect.any(String), status: code });
    });
  });
});

describe('nobody', () => {
  test.each(surfaces)('$surface', async ({ call, denied, surface }) => {
    const before = countRequests();
    const { code, reason, text } = await call({});
    expect([code, reason, countRequests() - before]).toEqual([denied[1], 'CALLER_UNKNOWN', 0]);
    if (surface.startsWith('HTTP: /v2'))
      expect(JSON.parse(text)).toMatchObject({ error: expect.any(String), status: 401 });
  });

  test('may ask for the health', async () => {
    expect(await overGrpc('/grpc.health.v1.Health/Check', empty, {})).toMatchObject({ code: 'OK' });
    for (const path of ['/healthz', '/readyz'])
      expect(await overHttp('GET', path, {})).toMatchObject({ code: 200 });
  });

  test('is proven by a proof that is wrong, asking for the health', async () => {
    const showing = { bearer: keys.unknown.key };
    expect(await overGrpc('/grpc.health.v1.Health/Check', empty, showing)).toMatchObject({ code: 'OK' });
  });
});

const MESH = {
  'x-forwarded-client-cert': 'Hash=00;URI=spiffe://a.example/allowed',
  'l5d-client-id': 'allowed.a.example',
};

describe.each(Object.entries(MESH))('the header %s', (name, value) => {
  test.each(surfaces)('from anybody proves nobody: $surface', async ({ call, denied }) => {
    expect(await call({ headers: { [name]: value } })).toMatchObject({
      code: denied[1],
      reason: 'CALLER_UNKNOWN',
    });
  });

  test.each(surfaces.filter(({ surface }) => surface.startsWith('HTTP')))(
    'as grpc-metadata-* proves nobody, through the proxy either: $surface',
    async ({ call, denied }) => {
      expect(await call({ headers: { [`grpc-metadata-${name}`]: value }, isViaProxy: true })).toMatchObject({
        code: denied[1],
        reason: 'CALLER_UNKNOWN',
      });
    },
  );

  test.each(surfaces)('from anybody beside a proof changes nothing: $surface', async ({ call, denied }) => {
    const showing = { bearer: keys.denied.key, headers: { [name]: value } };
    expect(await call(showing)).toMatchObject({ code: denied[0], reason: 'CALLER_DENIED' });
  });
});

describe('two proofs', () => {
  const certificate = ca.issue('two', { subject: '/CN=cn-allowed' });

  test.each(surfaces)('of two callers: $surface', async ({ call, denied }) => {
    const before = countRequests();
    const showings: readonly Showing[] = [
      { certificate, bearer: keys.allowed.key },
      { certificate, bearer: await signer.sign({ sub: 'jwt-allowed' }) },
      { headers: MESH_HEADER, isViaProxy: true, bearer: keys.allowed.key },
    ];
    for (const showing of showings)
      expect(await call(showing)).toMatchObject({ code: denied[1], reason: 'CALLER_AMBIGUOUS' });
    expect(countRequests()).toBe(before);
  });

  test.each(surfaces)('one of them wrong: $surface', async ({ call, denied }) => {
    expect(await call({ certificate, bearer: keys.unknown.key })).toMatchObject({
      code: denied[1],
      reason: 'CALLER_UNKNOWN',
    });
  });
});

const MESH_HEADER = { 'x-forwarded-client-cert': MESH['x-forwarded-client-cert'] };

test('only a proven caller is told on the home page what the upstream is', async () => {
  const home = async (bearer?: string) =>
    JSON.parse((await overHttp('GET', '/', bearer === undefined ? {} : { bearer })).text);
  expect(await home()).not.toHaveProperty('upstream');
  expect(await home(keys.unknown.key)).not.toHaveProperty('upstream');
  expect(await home(keys.denied.key)).toMatchObject({ upstream: opened().sandbox.url });
});

test('no key and no token stands in the log or the audit log', () => {
  const texts = [opened().log.text, readFileSync(join(folder, 'audit.log'), 'utf8')];
  const secrets = [KEY, 'PROD-KEY', 'eyJ', ...Object.values(keys).map(({ key }) => key)];
  for (const text of texts) {
    expect(text).toContain('CALLER_DENIED');
    for (const secret of secrets) expect(text).not.toContain(secret);
  }
});

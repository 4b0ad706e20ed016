import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { certificateNames, readNames } from '../../src/access/certificate-names.ts';
import { createIdentifier, type Identifier, type Identity } from '../../src/access/identify.ts';
import { createIssuerKeys } from '../../src/access/issuer-keys.ts';
import { createJwtVerifier } from '../../src/access/jwt.ts';
import { createMeshIdentity } from '../../src/access/mesh-identity.ts';
import type { Caller, ProofSpec } from '../../src/access/model.ts';
import { createProofIndex } from '../../src/access/proof-index.ts';
import { readTlsFiles, tlsServerOptions } from '../../src/access/tls-files.ts';
import { createVirtualKey } from '../../src/access/virtual-key.ts';
import type { CertificateNames, Evidence } from '../../src/rpc/evidence.ts';
import { type CertificateFiles, createCa, modelOf } from '../support/access.ts';
import { createSigner, rawToken } from '../support/tokens.ts';

const signer = await createSigner('one');
const [botKey, otherKey, strangerKey] = [createVirtualKey(), createVirtualKey(), createVirtualKey()];
const OWN_KEY = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

const jwks = JSON.stringify({ keys: [signer.publicJwk] });
const model = await modelOf(
  `accounts: { prod: { key_env: KEY } }
issuers:
  - { name: idp, issuer: https://idp.example, audience: vultr-grpc, jwks_file: /jwks }
callers:
  - name: bot
    is:
      - token_sha256: ${botKey.sha256}
      - jwt: { issuer: idp, subject: deployer }
      - spiffe: spiffe://prod.example/ns/ci/sa/deployer
      - dns: deployer.example
      - cn: deployer
    account: prod
    allow: [ "*" ]
  - name: other
    is:
      - token_sha256: ${otherKey.sha256}
      - jwt: { issuer: idp, subject: "other:*" }
      - jwt: { issuer: idp, claims: { groups: admins, "kubernetes.io": { namespace: "ops-*" } } }
      - spiffe: spiffe://prod.example/ns/ci/sa/*
      - dns: "*.other.example"
    bring_own_key: true
    account: prod
    allow: [ "*" ]
  - name: third
    is:
      - jwt: { issuer: idp, subject: "other:third:*" }
      - dns: "third.*"
    account: prod
    allow: [ "*" ]
  - name: guests
    is: [ own_key: true ]
    bring_own_key: true
    allow: [ "*" ]
trusted_proxies: [ 127.0.0.6/32 ]
`,
  { env: { KEY: 'KEY' }, files: { '/jwks': jwks } },
);

function identifierOf(callers = model.callers, now = Date.now) {
  const spec = model.issuers.get('idp');
  if (spec === undefined) throw new Error('no issuer');
  const keys = createIssuerKeys({
    name: 'idp',
    load: async () => Buffer.from(jwks),
    onError: (error) => {
      throw error;
    },
    now: Date.now,
    freshMs: 1e9,
    maxAgeMs: 1e9,
    cooldownMs: 1,
  });
  return createIdentifier(
    createProofIndex(callers),
    createJwtVerifier([{ spec, keys }], now),
    createMeshIdentity(model.trustedProxies),
  );
}

const usual = identifierOf();

async function identify(
  given: Partial<Evidence>,
  accessToken?: string,
  identifier: Identifier = usual,
): Promise<Identity> {
  const evidence = {
    address: '10.0.0.1',
    certificate: undefined,
    identityHeaders: {},
    authorization: undefined,
    ...given,
  };
  return await identifier.complete(await identifier.identify(evidence), accessToken);
}

const bearer = (token: string): Partial<Evidence> => ({ authorization: `Bearer ${token}` });

function names(given: Partial<CertificateNames>): CertificateNames {
  return { uris: [], dnsNames: [], commonName: undefined, ...given };
}

const SPIFFE = 'spiffe://prod.example/ns/ci/sa/deployer';

describe('a caller is proven by', async () => {
  test.each([
    ['a virtual key', 'bot', 'virtual_key', bearer(botKey.key)],
    [
      'a virtual key with another scheme case',
      'bot',
      'virtual_key',
      { authorization: `bEARER   ${botKey.key} ` },
    ],
    ['a token', 'bot', 'jwt', bearer(await signer.sign())],
    ['a token by a glob', 'other', 'jwt', bearer(await signer.sign({ sub: 'other:x' }))],
    [
      'claims, one in a list, one nested',
      'other',
      'jwt',
      bearer(
        await signer.sign({ sub: 'x', groups: ['users', 'admins'], 'kubernetes.io': { namespace: 'ops-1' } }),
      ),
    ],
    ['a SPIFFE ID', 'bot', 'certificate_spiffe', { certificate: names({ uris: [SPIFFE] }) }],
    [
      'a SPIFFE ID by a glob',
      'other',
      'certificate_spiffe',
      { certificate: names({ uris: [`${SPIFFE}2`] }) },
    ],
    [
      'a DNS name in any case',
      'bot',
      'certificate_dns',
      { certificate: names({ dnsNames: ['Deployer.Example'] }) },
    ],
    [
      'one of several DNS names',
      'bot',
      'certificate_dns',
      { certificate: names({ dnsNames: ['x.example', 'deployer.example'] }) },
    ],
    ['a common name', 'bot', 'certificate_cn', { certificate: names({ commonName: 'deployer' }) }],
    [
      'a mesh proxy of Istio',
      'bot',
      'mesh_spiffe',
      { address: '127.0.0.6', identityHeaders: { 'x-forwarded-client-cert': `Hash=1;URI=${SPIFFE}` } },
    ],
    [
      'a mesh proxy of Linkerd',
      'bot',
      'mesh_dns',
      { address: '127.0.0.6', identityHeaders: { 'l5d-client-id': 'deployer.example' } },
    ],
    [
      'what its proxy says, whatever certificate the proxy has',
      'bot',
      'mesh_spiffe',
      {
        address: '127.0.0.6',
        certificate: names({ dnsNames: ['a.other.example'] }),
        identityHeaders: { 'x-forwarded-client-cert': `URI=${SPIFFE}` },
      },
    ],
  ])('%s', async (_name, caller, proof, evidence) => {
    const identity = await identify(evidence);
    expect(identity).toMatchObject({
      caller: { name: caller },
      proofs: [proof],
      ownKey: undefined,
      id: caller,
    });
  });

  test('a virtual key or token in access_token', async () => {
    expect((await identify({}, botKey.key)).caller.name).toBe('bot');
    expect((await identify({}, await signer.sign())).proofs).toEqual(['jwt']);
  });

  test('several proofs of the same caller', async () => {
    const evidence = {
      ...bearer(botKey.key),
      certificate: names({ uris: [SPIFFE], dnsNames: ['deployer.example'] }),
    };
    expect(await identify(evidence, botKey.key)).toMatchObject({
      caller: { name: 'bot' },
      proofs: ['certificate_spiffe', 'certificate_dns', 'virtual_key', 'virtual_key'],
    });
  });
});

/** The identifier of a callers file in which the callers are changed. */
function changed(change: (proofs: Caller['proofs'], name: string) => Caller['proofs']): Identifier {
  return identifierOf(
    model.callers.map((caller) => ({ ...caller, proofs: change(caller.proofs, caller.name) })),
  );
}

describe('after a change of the callers file a caller is still proven by', async () => {
  const viaMesh = { address: '127.0.0.6', identityHeaders: { 'l5d-client-id': 'deployer.example' } };
  test.each<[string, ProofSpec['kind'], Partial<Evidence>]>([
    ['a virtual key', 'token', bearer(botKey.key)],
    ['a token', 'jwt', bearer(await signer.sign())],
    ['a SPIFFE ID', 'spiffe', { certificate: names({ uris: [SPIFFE] }) }],
    ['a DNS name', 'dns', { certificate: names({ dnsNames: ['deployer.example'] }) }],
    ['a common name', 'cn', { certificate: names({ commonName: 'deployer' }) }],
    ['a mesh proxy', 'dns', viaMesh],
    ['a Vultr key of its own', 'own_key', bearer(OWN_KEY)],
  ])('%s, as long as the file has it', async (_name, kind, evidence) => {
    const identity = await identify(evidence);
    const { name } = identity.caller;
    const onlyThis = changed((proofs, of) => (of === name ? proofs.filter((one) => one.kind === kind) : []));
    const allOthers = changed((proofs) => proofs.filter((one) => one.kind !== kind));
    expect([onlyThis.isProven(identity), allOthers.isProven(identity)]).toEqual([true, false]);
  });

  test('none of its proofs that proves another caller now', async () => {
    const identity = await identify(bearer(botKey.key));
    const bot = model.callers.find(({ name }) => name === 'bot');
    const moved = changed((proofs, name) =>
      name === 'other' ? (bot?.proofs ?? []) : name === 'bot' ? [] : proofs,
    );
    expect(moved.isProven(identity)).toBe(false);
  });

  test('all that it came with, not only a part', async () => {
    const identity = await identify({
      ...bearer(botKey.key),
      certificate: names({ commonName: 'deployer' }),
    });
    expect(changed((proofs) => proofs).isProven(identity)).toBe(true);
    expect(changed((proofs) => proofs.filter(({ kind }) => kind !== 'token')).isProven(identity)).toBe(false);
  });

  test('a token that has expired meanwhile', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const identity = await identify(bearer(await signer.sign({ exp: now + 2 })));
    expect(identifierOf(model.callers, () => Date.now() + 60_000).isProven(identity)).toBe(true);
  });
});

describe('on one connection', async () => {
  const connection = {};

  test('each call is made by the caller that it proves itself, whoever made the last one', async () => {
    const token = await signer.sign({ sub: 'other:x' });
    for (const [credential, name] of [
      [botKey.key, 'bot'],
      [otherKey.key, 'other'],
      [botKey.key, 'bot'],
      [botKey.key, 'bot'],
      [token, 'other'],
      [OWN_KEY, 'guests'],
      [botKey.key, 'bot'],
    ] as const)
      expect((await identify({ ...bearer(credential), connection })).caller.name).toBe(name);
  });

  test.each([
    ['a key that is unknown', bearer(strangerKey.key)],
    ['a key that is cut off', bearer(botKey.key.slice(0, -1))],
    ['no key', {}],
  ])('a call with %s proves nobody after one that has proven a caller', async (_name, evidence) => {
    await identify({ ...bearer(botKey.key), connection });
    await expect(identify({ ...evidence, connection })).rejects.toMatchObject({ reason: 'CALLER_UNKNOWN' });
    expect((await identify({ ...bearer(botKey.key), connection })).caller.name).toBe('bot');
  });

  test('a key beside the certificate of another caller is refused at each call', async () => {
    const certificate = names({ uris: [`${SPIFFE}2`] });
    for (let call = 0; call < 2; call += 1)
      await expect(identify({ ...bearer(botKey.key), certificate, connection })).rejects.toMatchObject({
        reason: 'CALLER_AMBIGUOUS',
      });
  });

  test('a token proves its caller until it expires', async () => {
    let now = Date.now();
    const identifier = identifierOf(model.callers, () => now);
    const exp = Math.floor(now / 1_000) + 60;
    const evidence = { ...bearer(await signer.sign({ exp })), connection };
    for (let call = 0; call < 2; call += 1)
      expect((await identify(evidence, undefined, identifier)).caller.name).toBe('bot');
    now += 120_000;
    await expect(identify(evidence, undefined, identifier)).rejects.toMatchObject({
      reason: 'CALLER_UNKNOWN',
    });
  });

  test('a key that the callers file no longer has proves nobody', async () => {
    const evidence = { ...bearer(botKey.key), connection };
    await identify(evidence);
    const without = changed((proofs) => proofs.filter(({ kind }) => kind !== 'token'));
    await expect(identify(evidence, undefined, without)).rejects.toMatchObject({ reason: 'CALLER_UNKNOWN' });
  });
});

describe('nobody is proven by', async () => {
  test.each([
    ['nothing', {}, 'proves no caller'],
    ['an empty authorization', { authorization: '' }, 'proves no caller'],
    ['a virtual key that is unknown', bearer(strangerKey.key), 'no caller of the callers file'],
    ['a virtual key that is cut off', bearer(botKey.key.slice(0, -3)), 'not whole'],
    ['a token of an unknown subject', bearer(await signer.sign({ sub: 'nobody' })), 'of no caller'],
    [
      'a token whose subject is in another case',
      bearer(await signer.sign({ sub: 'Deployer' })),
      'of no caller',
    ],
    ['a token whose subject is a list', bearer(await signer.sign({ sub: ['deployer'] as never })), ''],
    ['half of the claims', bearer(await signer.sign({ sub: 'x', groups: ['admins'] })), 'of no caller'],
    [
      'claims from the prototype',
      bearer(await signer.sign({ sub: 'x', groups: 'admins', 'kubernetes.io': { __proto__: 1 } })),
      'of no caller',
    ],
    [
      'an unsigned token',
      bearer(rawToken({ alg: 'none' }, { iss: 'https://idp.example', sub: 'deployer' })),
      'algorithm',
    ],
    ['basic authorization', { authorization: 'Basic dTpw' }, 'Bearer'],
    ['two tokens', { authorization: `Bearer ${botKey.key}, Bearer ${botKey.key}` }, 'one token'],
    ['a huge token', bearer('x'.repeat(9_000)), '8192'],
    ['a token with other characters', bearer('schlüssel'), 'characters'],
    [
      'a certificate of an unknown name',
      { certificate: names({ dnsNames: ['x.example'] }) },
      'proves no caller',
    ],
    [
      'two SPIFFE IDs',
      { certificate: names({ uris: [SPIFFE, 'spiffe://prod.example/x'] }) },
      'more than one SPIFFE ID',
    ],
    [
      'a SPIFFE ID with the name before it',
      { certificate: names({ uris: [`spiffe://evil.example/${SPIFFE}`] }) },
      'proves no caller',
    ],
    [
      'the header of a proxy that is not trusted',
      { identityHeaders: { 'x-forwarded-client-cert': `URI=${SPIFFE}` } },
      'proves no caller',
    ],
    [
      'the other header of it',
      { identityHeaders: { 'l5d-client-id': 'deployer.example' } },
      'proves no caller',
    ],
  ])('%s', async (_name, evidence, message) => {
    await expect(identify(evidence)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'CALLER_UNKNOWN',
      message: expect.stringContaining(message),
      httpHeaders: { 'www-authenticate': expect.stringContaining('Bearer') },
    });
  });

  test('a wrong proof beside a right one', async () => {
    const evidence = { ...bearer(strangerKey.key), certificate: names({ uris: [SPIFFE] }) };
    await expect(identify(evidence)).rejects.toMatchObject({ reason: 'CALLER_UNKNOWN' });
  });
});

describe('proofs of two callers are refused:', async () => {
  test.each([
    [
      'a virtual key and a certificate',
      { ...bearer(otherKey.key), certificate: names({ uris: [SPIFFE] }) },
      undefined,
    ],
    [
      'two names of a certificate',
      { certificate: names({ uris: [SPIFFE], dnsNames: ['a.other.example'] }) },
      undefined,
    ],
    [
      'one name that two globs match',
      { certificate: names({ dnsNames: ['third.other.example'] }) },
      undefined,
    ],
    ['a token that two globs match', bearer(await signer.sign({ sub: 'other:third:x' })), undefined],
    ['two virtual keys', bearer(botKey.key), otherKey.key],
    [
      'a virtual key and a proxy',
      {
        ...bearer(otherKey.key),
        address: '127.0.0.6',
        identityHeaders: { 'l5d-client-id': 'deployer.example' },
      },
      undefined,
    ],
  ])('%s', async (_name, evidence, accessToken) => {
    await expect(identify(evidence, accessToken)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'CALLER_AMBIGUOUS',
    });
  });
});

describe("a Vultr key of one's own", () => {
  test('proves the caller of such keys, kept apart by key', async () => {
    const identity = await identify(bearer(OWN_KEY));
    expect(identity).toMatchObject({ caller: { name: 'guests' }, proofs: ['own_key'], ownKey: OWN_KEY });
    expect(identity.id).toMatch(/^guests#[0-9a-f]{16}$/);
    expect((await identify({}, OWN_KEY)).id).toBe(identity.id);
    expect((await identify(bearer(`${OWN_KEY}X`))).id).not.toBe(identity.id);
  });

  test('goes with a proven caller that may bring one', async () => {
    const certificate = names({ dnsNames: ['a.other.example'] });
    for (const identity of [
      await identify({ certificate, ...bearer(OWN_KEY) }),
      await identify({ certificate }, OWN_KEY),
      await identify(bearer(otherKey.key), OWN_KEY),
    ]) {
      expect(identity).toMatchObject({ caller: { name: 'other' }, ownKey: OWN_KEY, id: 'other' });
    }
  });

  test('is refused from a proven caller that may not', async () => {
    await expect(identify(bearer(botKey.key), OWN_KEY)).rejects.toThrow('bring_own_key');
    await expect(identify({ certificate: names({ uris: [SPIFFE] }), ...bearer(OWN_KEY) })).rejects.toThrow(
      'bring_own_key',
    );
  });

  test('is refused when no caller is proven by one', async () => {
    const without = identifierOf(model.callers.filter(({ name }) => name !== 'guests'));
    const evidence = {
      address: '',
      certificate: undefined,
      identityHeaders: {},
      authorization: `Bearer ${OWN_KEY}`,
    };
    await expect(async () => without.identify(evidence)).rejects.toMatchObject({ reason: 'CALLER_UNKNOWN' });
  });

  test('is refused beside another one', async () => {
    await expect(identify(bearer(OWN_KEY), `${OWN_KEY}X`)).rejects.toMatchObject({
      reason: 'CALLER_AMBIGUOUS',
    });
  });
});

test('no error holds the token', async () => {
  for (const token of [
    strangerKey.key,
    botKey.key.slice(0, -1),
    await signer.sign({ sub: 'nobody' }),
    await signer.sign({ exp: 1 }),
  ]) {
    const error: unknown = await identify(bearer(token)).catch((thrown: unknown) => thrown);
    expect(String(error)).not.toContain(token.slice(0, 20));
  }
});

describe('a client certificate', () => {
  /** The names that the server reads of a client that shows a certificate. */
  async function shown(
    server: Parameters<typeof readTlsFiles>[0],
    client: CertificateFiles | undefined,
    mode: 'optional' | 'required' = 'optional',
  ): Promise<CertificateNames | undefined | 'refused'> {
    const listener = createServer(tlsServerOptions(await readTlsFiles(server), mode, ['h2'])).listen(
      0,
      '127.0.0.1',
    );
    onTestFinished(() => void listener.close());
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...(client && { cert: readFileSync(client.cert), key: readFileSync(client.key) }),
    });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    const accepted = once(listener, 'secureConnection').then(([secure]: TLSSocket[]) => secure);
    const refused = once(listener, 'tlsClientError').then(() => undefined);
    const secure = await Promise.race([accepted, refused]);
    if (secure === undefined) return 'refused';
    onTestFinished(() => void secure.destroy());
    return certificateNames(secure);
  }

  const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-test-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const ca = createCa(folder);
  const server = { ...ca.issue('server', { subject: '/CN=server', altNames: 'IP:127.0.0.1' }), ca: ca.cert };
  const good = ca.issue('good', {
    subject: '/O=example/CN=deployer',
    altNames: `URI:${SPIFFE},DNS:deployer.example`,
  });

  test('tells its names', async () => {
    expect(await shown(server, good, 'required')).toEqual({
      uris: [SPIFFE],
      dnsNames: ['deployer.example'],
      commonName: 'deployer',
    });
  });

  test('without alternative names tells its common name', async () => {
    const plain = ca.issue('plain', { subject: '/CN=deployer' });
    expect(await shown(server, plain)).toEqual({ uris: [], dnsNames: [], commonName: 'deployer' });
  });

  test('with two common names tells neither', async () => {
    const two = ca.issue('two', { subject: '/CN=deployer/CN=admin' });
    expect((await shown(server, two))?.valueOf()).toMatchObject({ commonName: undefined });
  });

  test('proves nobody when there is none, and is asked for when it is required', async () => {
    expect(await shown(server, undefined)).toBeUndefined();
    expect(await shown(server, undefined, 'required')).toBe('refused');
  });

  test('of another authority proves nobody', async () => {
    const stranger = createCa(folder, 'stranger').issue('forged', {
      subject: '/CN=deployer',
      altNames: `URI:${SPIFFE}`,
    });
    expect(await shown(server, stranger)).toBeUndefined();
    expect(await shown(server, stranger, 'required')).toBe('refused');
  });

  test('that has expired proves nobody', async () => {
    const expired = ca.issue('expired', { subject: '/CN=deployer', altNames: `URI:${SPIFFE}`, days: -1 });
    expect(await shown(server, expired)).toBeUndefined();
    expect(await shown(server, expired, 'required')).toBe('refused');
  });

  test('that was revoked proves nobody', async () => {
    const revoked = ca.issue('revoked', { subject: '/CN=deployer', altNames: `URI:${SPIFFE}` });
    const crl = ca.revoke('crl.pem', revoked);
    expect(await shown({ ...server, crl }, revoked)).toBeUndefined();
    expect(await shown({ ...server, crl }, good)).toMatchObject({ uris: [SPIFFE] });
  });
});

describe('alternative names', () => {
  const subject = { CN: 'x' };

  test.each([
    ['DNS:a.example, DNS:b.example', [], ['a.example', 'b.example']],
    [`URI:${SPIFFE}, IP Address:127.0.0.1, email:a@b.example`, [SPIFFE], []],
    [
      'DNS:"a.example, URI:spiffe://prod.example/admin", DNS:b.example',
      [],
      ['a.example, URI:spiffe://prod.example/admin', 'b.example'],
    ],
    ['URI:"spiffe://a/\\"b"', ['spiffe://a/"b'], []],
    ['othername:"UPN:x, DNS:admin.example", DNS:a.example', [], ['a.example']],
    ['', [], []],
  ])('%s', (subjectaltname, uris, dnsNames) => {
    expect(readNames({ subject, subjectaltname } as never)).toEqual({ uris, dnsNames, commonName: 'x' });
  });

  test.each(['DNS:a.example, ', 'DNS:"a', 'a.example', 'UPN:"x"y, DNS:a.example', 'x: y:"z, DNS:a.example'])(
    'of another form name nobody: %s',
    (subjectaltname) => {
      expect(readNames({ subject, subjectaltname } as never)).toBeUndefined();
    },
  );
});

import { describe, expect, test } from 'vitest';
import { parseCidr } from '../../src/access/cidr.ts';
import { createMeshIdentity } from '../../src/access/mesh-identity.ts';
import cases from '../cases/xfcc.json' with { type: 'json' };

interface Good {
  readonly name: string;
  readonly header: string;
  readonly uris: readonly string[];
  readonly dns?: readonly string[];
  readonly cn?: string;
}

function meshOf(...blocks: string[]) {
  return createMeshIdentity(
    blocks.map((text) => {
      const cidr = parseCidr(text);
      if (typeof cidr === 'string') throw new Error(cidr);
      return cidr;
    }),
  );
}

const mesh = meshOf('127.0.0.6/32', '10.1.0.0/16', 'fd00::/8');

describe('x-forwarded-client-cert', () => {
  test.each(cases.good as readonly Good[])('$name', ({ header, uris, dns = [], cn }) => {
    const names = mesh.read('127.0.0.6', { 'x-forwarded-client-cert': header });
    expect(names).toEqual({ uris, dnsNames: dns, commonName: cn });
  });

  test.each(cases.malformed)('is refused with $name', ({ header }) => {
    expect(() => mesh.read('127.0.0.6', { 'x-forwarded-client-cert': header })).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED', reason: 'CALLER_UNKNOWN' }),
    );
  });

  test('is refused when it is huge', () => {
    const header = 'URI=spiffe://a/b,'.repeat(4_000);
    expect(() => mesh.read('127.0.0.6', { 'x-forwarded-client-cert': header })).toThrow('characters');
  });

  test.each(['10.2.0.1', '127.0.0.1', '::1', 'unknown', '', '::ffff:127.0.0.7'])(
    'is not believed from %s',
    (address) => {
      // Malformed, too: what is not believed is not looked at.
      expect(mesh.read(address, { 'x-forwarded-client-cert': '=' })).toBeUndefined();
    },
  );

  test.each(['::ffff:127.0.0.6', '10.1.255.255', '::ffff:a01:203', 'fd12::1', 'fd12::1%eth0'])(
    'is believed from %s',
    (address) => {
      expect(mesh.read(address, { 'x-forwarded-client-cert': 'URI=spiffe://a/b' })?.uris).toEqual([
        'spiffe://a/b',
      ]);
    },
  );
});

describe('l5d-client-id', () => {
  test.each([
    [
      'deployer.ci.serviceaccount.identity.linkerd.cluster.local',
      [],
      ['deployer.ci.serviceaccount.identity.linkerd.cluster.local'],
    ],
    ['spiffe://prod.example/ns/ci/sa/deployer', ['spiffe://prod.example/ns/ci/sa/deployer'], []],
  ])('%s', (header, uris, dnsNames) => {
    expect(mesh.read('127.0.0.6', { 'l5d-client-id': header })).toEqual({
      uris,
      dnsNames,
      commonName: undefined,
    });
  });

  test('of two names is refused', () => {
    expect(() => mesh.read('127.0.0.6', { 'l5d-client-id': 'a.example, b.example' })).toThrow('one name');
  });

  test('beside x-forwarded-client-cert is refused', () => {
    const headers = { 'l5d-client-id': 'a.example', 'x-forwarded-client-cert': 'DNS=a.example' };
    expect(() => mesh.read('127.0.0.6', headers)).toThrow('both');
  });
});

describe('a block of addresses', () => {
  test.each(['10.0.0.0/8', '10.1.2.3', '::/0', '0.0.0.0/0', 'fd00::/8'])('%s', (text) => {
    expect(parseCidr(text)).toMatchObject({ text });
  });

  test.each([
    '10.0.0.0/33',
    '10.0.0.1/8',
    '10.0.0/8',
    '::/129',
    'localhost',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'fe80::1%eth0/64',
  ])('is not %s', (text) => {
    expect(parseCidr(text)).toBeTypeOf('string');
  });
});

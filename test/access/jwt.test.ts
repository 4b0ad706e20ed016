import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createIssuerKeys, type IssuerKeys } from '../../src/access/issuer-keys.ts';
import { createJwtVerifier, isJwt } from '../../src/access/jwt.ts';
import { ALGORITHMS } from '../../src/access/jwt-algorithms.ts';
import { sha256Hex } from '../../src/access/virtual-key.ts';
import { AUDIENCE, createSigner, ISSUER, rawToken, type TokenSigner } from '../support/tokens.ts';

const now = (): number => Math.floor(Date.now() / 1_000);

/** Keys that can be changed, and that count how often they were read. */
function keysOf(...signers: TokenSigner[]) {
  const state = { jwks: signers.map(({ publicJwk }) => publicJwk), reads: 0, isDown: false, time: 0 };
  const errors: string[] = [];
  const keys = createIssuerKeys({
    name: 'idp',
    load: async () => {
      state.reads += 1;
      if (state.isDown) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      return Buffer.from(JSON.stringify({ keys: state.jwks }));
    },
    onError: ({ message }) => errors.push(message),
    now: () => state.time,
    freshMs: 1_000,
    maxAgeMs: 10_000,
    cooldownMs: 100,
  });
  return { keys, state, errors };
}

function verifierOf(keys: IssuerKeys, wallNow = Date.now) {
  const spec = {
    name: 'idp',
    issuer: ISSUER,
    audiences: [AUDIENCE],
    keys: { file: '/jwks' },
    algorithms: ALGORITHMS,
    clockSkewSeconds: 30,
  };
  const verifier = createJwtVerifier([{ spec, keys }], wallNow);
  return {
    verify: (token: string) => verifier.verify(token, sha256Hex(token)),
    remembered: (token: string) => verifier.remembered(sha256Hex(token)),
  };
}

const signer = await createSigner('one');
const rsa = await createSigner('rsa', 'RS256');
const stranger = await createSigner('one');

describe('a token', () => {
  test.each(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])(
    'signed by %s is verified',
    async (alg) => {
      const own = await createSigner('own', alg);
      const verifier = verifierOf(keysOf(own).keys);
      expect(await verifier.verify(await own.sign())).toMatchObject({
        issuer: 'idp',
        claims: { sub: 'deployer' },
      });
    },
  );

  test.each([
    ['has expired', { exp: now() - 60 }, {}, 'expired'],
    ['is not valid yet', { nbf: now() + 60 }, {}, 'not valid yet'],
    ['never expires', { exp: undefined }, {}, 'exp'],
    ['is for another audience', { aud: 'other' }, {}, 'audience'],
    ['is for no audience', { aud: undefined }, {}, 'audience'],
    ['is of another issuer', { iss: 'https://evil.example' }, {}, 'issuer'],
    ['is of no issuer', { iss: undefined }, {}, 'issuer'],
    ['is for another purpose', {}, { typ: 'logout+jwt' }, 'purpose'],
    ['is a proof of possession', {}, { typ: 'dpop+jwt' }, 'purpose'],
    ['wants what is not known', {}, { crit: ['x-own'], 'x-own': 1 }, 'not accepted'],
  ])('that %s is refused', async (_name, claims, header, message) => {
    const token = await signer.sign(claims, header);
    await expect(verifierOf(keysOf(signer).keys).verify(token)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'CALLER_UNKNOWN',
      message: expect.stringMatching(new RegExp(message)),
    });
  });

  test.each([
    ['within the skew after its end', { exp: now() - 10 }],
    ['within the skew before its start', { nbf: now() + 10 }],
    ['with the type of an access token', {}],
    ['with several audiences', { aud: ['other', AUDIENCE] }],
  ])('%s is verified', async (name, claims) => {
    const token = await signer.sign(claims, name.includes('type') ? { typ: 'at+jwt' } : {});
    await expect(verifierOf(keysOf(signer).keys).verify(token)).resolves.toBeDefined();
  });

  test('signed by a stranger under a known key id is refused', async () => {
    await expect(verifierOf(keysOf(signer).keys).verify(await stranger.sign())).rejects.toThrow('signature');
  });

  test('without a signature is refused, in every spelling of none', async () => {
    const verifier = verifierOf(keysOf(signer).keys);
    for (const alg of ['none', 'None', 'NONE', '']) {
      const token = rawToken(
        { alg, kid: 'one' },
        { iss: ISSUER, aud: AUDIENCE, sub: 'deployer', exp: now() + 60 },
      );
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  test('whose signature was cut off is refused', async () => {
    const token = (await signer.sign()).replace(/[^.]+$/, '');
    await expect(verifierOf(keysOf(signer).keys).verify(token)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  test('signed by the public key as a shared secret is refused', async () => {
    const { keys } = keysOf(rsa);
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'deployer', exp: now() + 60 };
    const unsigned = rawToken({ alg: 'HS256', kid: 'rsa' }, claims).slice(0, -1);
    const signature = createHmac('sha256', JSON.stringify(rsa.publicJwk))
      .update(unsigned)
      .digest('base64url');
    await expect(verifierOf(keys).verify(`${unsigned}.${signature}`)).rejects.toThrow('algorithm');
  });

  test('with another algorithm than its key has is refused', async () => {
    const [, payload, signature] = (await rsa.sign()).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'rsa' })).toString('base64url');
    await expect(
      verifierOf(keysOf(rsa).keys).verify(`${header}.${payload}.${signature}`),
    ).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  test('with a key of its own in the header is refused', async () => {
    const token = await stranger.sign({}, { jwk: stranger.publicJwk, jku: 'https://evil.example/jwks' });
    await expect(verifierOf(keysOf(signer).keys).verify(token)).rejects.toThrow('signature');
  });

  test('that is huge is refused unread', async () => {
    const token = await signer.sign({ more: 'x'.repeat(9_000) });
    await expect(verifierOf(keysOf(signer).keys).verify(token)).rejects.toThrow('8192 characters');
  });

  test.each(['a.b.c', 'e30.e30.', `${Buffer.from('[]').toString('base64url')}.e30.x`])(
    '%s is refused',
    async (token) => {
      expect(isJwt(token)).toBe(true);
      await expect(verifierOf(keysOf(signer).keys).verify(token)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
    },
  );
});

describe('a verified token is remembered', () => {
  test('until it expires', async () => {
    let time = Date.now();
    const { keys, state } = keysOf(signer);
    const verifier = verifierOf(keys, () => time);
    const token = await signer.sign();
    await verifier.verify(token);
    state.jwks = [stranger.publicJwk];
    expect(verifier.remembered(token)).toBeDefined();
    time += 3_640_000;
    expect(verifier.remembered(token)).toBeUndefined();
    await expect(verifier.verify(token)).rejects.toThrow('expired');
  });

  test('until the keys of its issuer change', async () => {
    const { keys, state } = keysOf(signer);
    const verifier = verifierOf(keys);
    const token = await signer.sign();
    await verifier.verify(token);
    state.jwks = [rsa.publicJwk];
    state.time += 200;
    await keys.refresh();
    await expect(verifier.verify(token)).rejects.toThrow('no key');
  });

  test('10 000 at a time', async () => {
    const verifier = verifierOf(keysOf(signer).keys);
    const first = await signer.sign({ jti: 'first' });
    await verifier.verify(first);
    const tokens = await Promise.all(
      Array.from({ length: 10_000 }, (_, index) => signer.sign({ jti: String(index) })),
    );
    for (const token of tokens) await verifier.verify(token);
    expect(verifier.remembered(first)).toBeUndefined();
    expect(tokens.filter((token) => verifier.remembered(token) !== undefined)).toHaveLength(10_000);
  });

  test('and one that differs in a character is not it', async () => {
    const verifier = verifierOf(keysOf(signer).keys);
    const token = await signer.sign();
    await verifier.verify(token);
    const [header, payload, signature = ''] = token.split('.');
    const other = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await expect(verifier.verify(other)).rejects.toThrow('signature');
  });
});

describe('the keys of an issuer', () => {
  test('are read again for a key id that is new', async () => {
    const { keys, state } = keysOf(signer);
    const verifier = verifierOf(keys);
    await verifier.verify(await signer.sign());
    const next = await createSigner('two');
    state.jwks = [signer.publicJwk, next.publicJwk];
    state.time += 200;
    await verifier.verify(await next.sign());
    expect(state.reads).toBe(2);
  });

  test('are not read again for each made-up key id', async () => {
    const { keys, state } = keysOf(signer);
    const verifier = verifierOf(keys);
    await verifier.verify(await signer.sign());
    state.time += 200;
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) => signer.sign({}, { kid: `made-up-${index}` })),
    );
    const results = await Promise.allSettled(tokens.map((token) => verifier.verify(token)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(state.reads).toBe(2);
  });

  test('are read once for many tokens at the same time', async () => {
    const { keys, state } = keysOf(signer);
    const verifier = verifierOf(keys);
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) => signer.sign({ jti: String(index) })),
    );
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(state.reads).toBe(1);
  });

  test('stay in use for a while when their server is down, and then no token can be verified', async () => {
    const { keys, state, errors } = keysOf(signer);
    const verifier = verifierOf(keys);
    await verifier.verify(await signer.sign());
    state.isDown = true;
    state.time = 5_000;
    await verifier.verify(await signer.sign({ jti: '2' }));
    expect(errors.at(-1)).toContain('ECONNREFUSED');
    state.time = 10_001;
    await expect(verifier.verify(await signer.sign({ jti: '3' }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'POLICY_UNAVAILABLE',
      retryDelayMs: expect.toSatisfy((ms: number) => ms >= 1_000 && ms <= 2_000),
    });
    state.isDown = false;
    state.time = 10_200;
    await verifier.verify(await signer.sign({ jti: '4' }));
  });
});

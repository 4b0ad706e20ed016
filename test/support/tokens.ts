import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';

/** A signer of tokens, and its public key. */
export interface TokenSigner {
  readonly kid: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly privateKey: CryptoKey;
  /** Signs claims that are good for an hour, unless they say otherwise. */
  sign(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

/** The issuer and the audience of tokens that do not say otherwise. */
export const ISSUER = 'https://idp.example';
export const AUDIENCE = 'vultr-grpc';

/** Makes a signer with a key pair of its own. */
export async function createSigner(kid: string, alg = 'ES256'): Promise<TokenSigner> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    publicJwk: { ...(await exportJWK(publicKey)), kid },
    privateKey,
    sign: async (claims = {}, header = {}) => {
      const now = Math.floor(Date.now() / 1_000);
      const standard = { iss: ISSUER, aud: AUDIENCE, sub: 'deployer', iat: now, exp: now + 3_600 };
      return await new SignJWT({ ...standard, ...claims })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey, { crit: { 'x-own': true } });
    },
  };
}

/** A token whose parts are whatever they are. */
export function rawToken(header: unknown, claims: unknown, signature = ''): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}

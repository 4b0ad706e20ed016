/**
 * The accepted signature algorithms, all of them asymmetric. With a shared secret everybody who can check a token could make
 * one, and a public key could be mistaken for the secret.
 */
export const ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

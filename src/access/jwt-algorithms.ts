/**
 * The signature algorithms that are accepted: asymmetric ones alone. With a shared secret everybody who can check a token
 * could make one, and a public key could be taken for the secret.
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

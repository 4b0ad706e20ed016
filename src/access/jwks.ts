import type { JSONWebKeySet } from 'jose';

/** A text that is not a usable JSON Web Key Set; the message is the rest of a sentence that names the source. */
export class JwksError extends Error {
  override readonly name = 'JwksError';
}

/** The largest key set that is read: some hundred keys. */
export const MAX_JWKS_BYTES = 256 * 1024;

/** Key types that have a public half. */
const PUBLIC_TYPES: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);

/**
 * Reads a JSON Web Key Set (RFC 7517). Symmetric keys and those for encryption are left out.
 * @throws JwksError when no key is left, or one is a private key, which does not belong there
 */
export function parseJwks(bytes: Uint8Array): JSONWebKeySet {
  if (bytes.length > MAX_JWKS_BYTES) throw new JwksError(`has over ${MAX_JWKS_BYTES} bytes.`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new JwksError('is not JSON.');
  }
  const list = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(list)) throw new JwksError('has no list "keys".');
  const keys = list.filter(isObject).filter(({ kty, use }) => {
    return PUBLIC_TYPES.has(kty) && (use === undefined || use === 'sig');
  });
  if (keys.some((key) => 'd' in key)) throw new JwksError('holds a private key.');
  if (keys.length === 0) throw new JwksError('holds no public key for signatures.');
  return { keys } as JSONWebKeySet;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

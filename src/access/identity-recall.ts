import type { CertificateNames } from '../rpc/evidence.ts';
import type { Identity, ProofKind } from './identity.ts';
import type { VerifiedToken } from './jwt.ts';
import type { Caller } from './model.ts';

/** One thing that names a caller. */
export interface Found {
  readonly caller: Caller;
  readonly proof: ProofKind;
  /** Who is calling, if nothing else is found. */
  readonly identity: Identity;
}

/** A token, and its digest. */
export interface BearerToken {
  readonly text: string;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/**
 * Remembers what does not change from one call to the next. It keeps nothing longer than the connection, the verified token
 * or the caller that it concerns, and it belongs to one state of the callers file.
 */
export interface Recall {
  /**
   * The token of an `authorization`, computed anew when it differs from the last one on the connection. It is compared only
   * with what the same peer has sent on the same connection, so that the time this takes reveals nothing about other tokens.
   */
  bearerToken(connection: object | undefined, authorization: string, read: () => BearerToken): BearerToken;
  ofCertificate(certificate: CertificateNames, find: () => readonly Found[]): readonly Found[];
  ofToken(token: VerifiedToken, find: () => Found): Found;
  found(caller: Caller, proof: 'virtual_key' | 'jwt'): Found;
}

/** The identity that follows when a proof names a caller. */
export function foundOf(caller: Caller, proof: ProofKind): Found {
  return { caller, proof, identity: { caller, proofs: [proof], ownKey: undefined, id: caller.name } };
}

/** Creates an empty one. */
export function createRecall(): Recall {
  const lastTokens = new WeakMap<object, { readonly authorization: string; readonly token: BearerToken }>();
  const byCertificate = new WeakMap<CertificateNames, readonly Found[]>();
  const byToken = new WeakMap<VerifiedToken, Found>();
  const byCaller = { virtual_key: new WeakMap<Caller, Found>(), jwt: new WeakMap<Caller, Found>() };
  return {
    bearerToken: (connection, authorization, read) => {
      const last = connection && lastTokens.get(connection);
      if (last?.authorization === authorization) return last.token;
      const token = read();
      if (connection !== undefined) lastTokens.set(connection, { authorization, token });
      return token;
    },
    ofCertificate: (certificate, find) => remembered(byCertificate, certificate, find),
    ofToken: (token, find) => remembered(byToken, token, find),
    found: (caller, proof) => remembered(byCaller[proof], caller, () => foundOf(caller, proof)),
  };
}

function remembered<Key extends object, Value extends object>(
  memory: WeakMap<Key, Value>,
  key: Key,
  find: () => Value,
): Value {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = find();
  memory.set(key, value);
  return value;
}

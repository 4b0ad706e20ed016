import type { CertificateNames } from '../rpc/evidence.ts';
import type { Identity, Proof, ProofKind } from './identity.ts';
import type { VerifiedToken } from './jwt.ts';
import type { Caller } from './model.ts';

/** One thing that names a caller. */
export interface Found {
  readonly caller: Caller;
  readonly proof: ProofKind;
  readonly provenBy: Proof;
  /** Who is calling, if nothing else is found. */
  readonly identity: Identity;
}

/** A token, and what follows from it alone as long as the state of the callers file lasts. */
export interface BearerToken {
  readonly text: string;
  /** In hexadecimal digits. */
  readonly sha256: string;
  /** What the virtual key names; undefined: it is none of the callers file. */
  readonly virtualKey: Found | undefined;
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
  /** @param sha256 of the virtual key, in hexadecimal digits */
  ofVirtualKey(caller: Caller, sha256: string): Found;
}

/** The identity that follows when a proof names a caller. */
export function foundOf(caller: Caller, proof: ProofKind, provenBy: Proof): Found {
  const identity = { caller, proofs: [proof], provenBy: [provenBy], ownKey: undefined, id: caller.name };
  return { caller, proof, provenBy, identity };
}

/** Creates an empty one. */
export function createRecall(): Recall {
  const lastTokens = new WeakMap<object, { readonly authorization: string; readonly token: BearerToken }>();
  const byCertificate = new WeakMap<CertificateNames, readonly Found[]>();
  const byToken = new WeakMap<VerifiedToken, Found>();
  // Only digests of the callers file come here, so that they are few.
  const byVirtualKey = new WeakMap<Caller, Map<string, Found>>();
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
    ofVirtualKey: (caller, sha256) => {
      const keys = remembered(byVirtualKey, caller, () => new Map<string, Found>());
      return remembered(keys, sha256, () => foundOf(caller, 'virtual_key', { kind: 'token', sha256 }));
    },
  };
}

function remembered<Key, Value extends object>(
  memory: Pick<Map<Key, Value>, 'get'> & { set(key: Key, value: Value): unknown },
  key: Key,
  find: () => Value,
): Value {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = find();
  memory.set(key, value);
  return value;
}

import type { VerifiedToken } from './jwt.ts';
import type { Caller, NameKind } from './model.ts';

/** How a caller was proven, for the logs. */
export type ProofKind = 'virtual_key' | 'jwt' | 'own_key' | `${'certificate' | 'mesh'}_${NameKind}`;

/** What a caller was proven by. It holds no secret. */
export type Proof =
  /** A virtual key, by its digest. */
  | { readonly kind: 'token'; readonly sha256: string }
  | { readonly kind: 'jwt'; readonly token: VerifiedToken }
  /** A name in a client certificate, or one that a proxy at this address vouched for. */
  | { readonly kind: NameKind; readonly name: string; readonly proxy: string | undefined };

/** Who is calling. */
export interface Identity {
  readonly caller: Caller;
  /** The proofs that led to the caller, in the order in which they were examined. */
  readonly proofs: readonly ProofKind[];
  /** The same, with what they were. A Vultr key of the caller's own is not among them. */
  readonly provenBy: readonly Proof[];
  /** A Vultr key of the caller's own, with which the call is made. */
  readonly ownKey: string | undefined;
  /**
   * Separates callers for budget, sharing, records of creations and limits: the name of the caller, followed by a digest of
   * the Vultr key where one caller stands for every key.
   */
  readonly id: string;
}

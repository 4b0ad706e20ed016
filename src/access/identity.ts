import type { Caller, NameKind } from './model.ts';

/** How a caller was proven, for log and audit. */
export type ProofKind = 'virtual_key' | 'jwt' | 'own_key' | `${'certificate' | 'mesh'}_${NameKind}`;

/** Who is calling. */
export interface Identity {
  readonly caller: Caller;
  /** The proofs that led to the caller, the first that was looked at first. */
  readonly proofs: readonly ProofKind[];
  /** A Vultr key of the caller's own, which the call is made with. */
  readonly ownKey: string | undefined;
  /**
   * Whom budget, sharing, records of creations and limits are kept apart by: the name of the caller; where every Vultr key
   * proves one and the same caller, with a digest of the key.
   */
  readonly id: string;
}

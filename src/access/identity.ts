import type { Caller, NameKind } from './model.ts';

/** How a caller was proven, for the logs. */
export type ProofKind = 'virtual_key' | 'jwt' | 'own_key' | `${'certificate' | 'mesh'}_${NameKind}`;

/** Who is calling. */
export interface Identity {
  readonly caller: Caller;
  /** The proofs that led to the caller, in the order in which they were examined. */
  readonly proofs: readonly ProofKind[];
  /** A Vultr key of the caller's own, with which the call is made. */
  readonly ownKey: string | undefined;
  /**
   * Separates callers for budget, sharing, records of creations and limits: the name of the caller, followed by a digest of
   * the Vultr key where one caller stands for every key.
   */
  readonly id: string;
}

import type { Effect } from '../contract/effect.ts';
import type { Glob } from './glob.ts';

/** A callers file, read and checked. It never changes; a changed file makes another one. */
export interface AccessModel {
  readonly accounts: ReadonlyMap<string, AccountSpec>;
  readonly issuers: ReadonlyMap<string, IssuerSpec>;
  readonly callers: readonly Caller[];
  /** CIDR blocks of the proxies whose identity headers are believed. */
  readonly trustedProxies: readonly Cidr[];
}

/** Where the API key of a Vultr account is. */
export type AccountSpec =
  | { readonly name: string; readonly keyFile: string }
  | { readonly name: string; readonly keyEnv: string };

/** Who signs JWTs, and where the public keys are. */
export interface IssuerSpec {
  readonly name: string;
  /** The exact claim `iss`. */
  readonly issuer: string;
  /** The claim `aud` must hold one of them. */
  readonly audiences: readonly string[];
  readonly keys: { readonly file: string } | JwksUrl;
  readonly algorithms: readonly string[];
  /** How far the clock of the issuer may be off. */
  readonly clockSkewSeconds: number;
}

/** A JWKS that is fetched. */
export interface JwksUrl {
  readonly url: string;
  /** A CA bundle besides that of the system. */
  readonly caFile?: string;
  /** A file with the Bearer token that the server of the keys wants. */
  readonly bearerFile?: string;
}

/** Somebody who may call. */
export interface Caller {
  readonly name: string;
  readonly proofs: readonly ProofSpec[];
  /** The account whose key its calls use; undefined: only its own. */
  readonly account: string | undefined;
  /** Whether it may call with a Vultr key of its own. */
  readonly bringOwnKey: boolean;
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
  readonly create: CreateLimits | undefined;
  /** Requests a second of the shared budget that it may use at most; undefined: no bound of its own. */
  readonly rate: number | undefined;
}

/** The kinds of names that a client certificate or a mesh proxy can prove. */
export type NameKind = 'spiffe' | 'dns' | 'cn';

/** What proves a caller. */
export type ProofSpec =
  | { readonly kind: 'token'; readonly sha256: string }
  | {
      readonly kind: 'jwt';
      readonly issuer: string;
      readonly subject: Glob | undefined;
      readonly claims: ClaimSpec;
    }
  | { readonly kind: NameKind; readonly name: Glob }
  | { readonly kind: 'own_key' };

/** The required claims, by name; a mapping describes the members of a claim that is an object. */
export type ClaimSpec = ReadonlyMap<string, Glob | ClaimSpec>;

/** One entry of `allow` or `deny`. */
export type Rule =
  | { readonly kind: 'effect'; readonly text: string; readonly effect: Effect }
  | { readonly kind: 'name'; readonly text: string; readonly name: Glob };

/** What a caller may create. */
export interface CreateLimits {
  readonly regions: readonly string[] | undefined;
  readonly plans: readonly Glob[] | undefined;
  /** US dollars a month for one machine. */
  readonly monthlyCostMax: number | undefined;
  readonly perHour: number | undefined;
}

/** A block of addresses. */
export interface Cidr {
  readonly text: string;
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

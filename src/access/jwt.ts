import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { CallError } from '../status/call-error.ts';
import { callerUnknown } from './errors.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { IssuerSpec } from './model.ts';

/** A token that was verified. */
export interface VerifiedToken {
  /** The name of its issuer in the callers file. */
  readonly issuer: string;
  readonly claims: JWTPayload;
}

/** Verifies JWTs of the issuers of a callers file. */
export interface JwtVerifier {
  /**
   * Verifies a token.
   * @param sha256 of the token
   * @throws CallError UNAUTHENTICATED that says what is wrong with it; UNAVAILABLE when the keys are out of reach
   */
  verify(token: string, sha256: string): Promise<VerifiedToken>;
  /** The result of an earlier verification that still counts; undefined: the token must be verified. */
  remembered(sha256: string): VerifiedToken | undefined;
}

/** An issuer, and its keys. */
export interface Issuer {
  readonly spec: IssuerSpec;
  readonly keys: IssuerKeys;
}

/** Longer than any token that fits into the headers that proxies commonly pass on. */
const MAX_TOKEN_LENGTH = 8_192;

/** Three parts of base64url (RFC 7515, section 7.1); the last one is empty where there is no signature. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** What `typ` may be. Others are for other purposes (RFC 8725, section 3.11): logout tokens, proofs of possession. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/** How many verified tokens are remembered: some 2 KB each. */
const MAX_REMEMBERED = 10_000;

/** Whether a token has the form of a JWT. */
export function isJwt(token: string): boolean {
  return JWT.test(token);
}

interface Remembered {
  readonly verified: VerifiedToken;
  /** On the wall clock. */
  readonly expiresAtMs: number;
  readonly keys: IssuerKeys;
  readonly generation: number;
}

/**
 * Creates the verifier. A verified token is remembered until it expires or the keys of its issuer change, by its digest, so
 * that no token stays in memory.
 * @param wallNow milliseconds since the epoch by the wall clock, which issuers use
 */
export function createJwtVerifier(issuers: readonly Issuer[], wallNow: () => number): JwtVerifier {
  const byIssuer = new Map(issuers.map((issuer) => [issuer.spec.issuer, issuer]));
  const memory = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED });

  function remembered(sha256: string): VerifiedToken | undefined {
    const found = memory.get(sha256);
    if (found === undefined || found.expiresAtMs <= wallNow()) return undefined;
    return found.keys.generation === found.generation ? found.verified : undefined;
  }

  async function verify(token: string, sha256: string): Promise<VerifiedToken> {
    const known = remembered(sha256);
    if (known !== undefined) return known;
    const { spec, keys } = findIssuer(byIssuer, token);
    const { claims, generation } = await verifyToken(token, spec, keys, new Date(wallNow()));
    const verified = { issuer: spec.name, claims };
    const expiresAtMs = ((claims.exp ?? 0) + spec.clockSkewSeconds) * 1_000;
    memory.set(sha256, { verified, expiresAtMs, keys, generation });
    return verified;
  }

  return { verify, remembered };
}

function findIssuer(issuers: ReadonlyMap<string, Issuer>, token: string): Issuer {
  if (token.length > MAX_TOKEN_LENGTH)
    throw callerUnknown(`The token has over ${MAX_TOKEN_LENGTH} characters.`);
  let claims: JWTPayload;
  try {
    claims = decodeJwt(token);
  } catch {
    throw callerUnknown('The token is not a JWT that can be read.');
  }
  const issuer = typeof claims.iss === 'string' ? issuers.get(claims.iss) : undefined;
  if (issuer === undefined)
    throw callerUnknown('The token is of an issuer that the callers file does not name.');
  return issuer;
}

async function verifyToken(
  token: string,
  { issuer, audiences, algorithms, clockSkewSeconds }: IssuerSpec,
  keys: IssuerKeys,
  currentDate: Date,
): Promise<{ readonly claims: JWTPayload; readonly generation: number }> {
  let generation = 0;
  const getKey: JWTVerifyGetKey = async (...header) => {
    const found = await keys.find(...header);
    generation = found.generation;
    return found.key;
  };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, getKey, {
      issuer,
      audience: [...audiences],
      algorithms: [...algorithms],
      clockTolerance: clockSkewSeconds,
      requiredClaims: ['exp'],
      currentDate,
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !TYPES.has(typ.toLowerCase()))
      throw callerUnknown('The token is for another purpose: its type is not JWT.');
    return { claims: payload, generation };
  } catch (error) {
    if (error instanceof CallError) throw error;
    throw callerUnknown(describe(error), error);
  }
}

/** What is wrong with a token, without quoting it. */
function describe(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return 'The token is not valid yet.';
    if (error.claim === 'aud') return 'The token was issued for somebody else: its audience is another one.';
    return `The claim ${error.claim} of the token is missing or wrong.`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return 'The token is signed by an algorithm that is not accepted.';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'The issuer has no key that the token could be signed by.';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong.';
  return 'The token is not a JWT that can be verified.';
}

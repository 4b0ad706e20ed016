import { hash } from 'node:crypto';
import type { CertificateNames, Evidence } from '../rpc/evidence.ts';
import type { CallError } from '../status/call-error.ts';
import { callerAmbiguous, callerUnknown } from './errors.ts';
import { isJwt, type JwtVerifier, type VerifiedToken } from './jwt.ts';
import type { MeshIdentity } from './mesh-identity.ts';
import type { Caller, NameKind } from './model.ts';
import type { ProofIndex } from './proof-index.ts';
import { isVirtualKey, isWholeVirtualKey, sha256Hex } from './virtual-key.ts';

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

/** Finds out who is calling. */
export interface Identifier {
  /**
   * Looks at everything that comes before the request.
   * @returns undefined when nothing is there that could prove a caller
   * @throws CallError UNAUTHENTICATED when something is there and does not, or proves more than one
   */
  identify(evidence: Evidence): Promise<Identity | undefined>;
  /**
   * Looks at the request's `access_token`, too, which counts as what a Bearer token would.
   * @throws CallError UNAUTHENTICATED when the call then still has no caller, or more than one
   */
  complete(early: Identity | undefined, accessToken: string | undefined): Promise<Identity>;
}

/** One thing that names a caller. */
interface Found {
  readonly caller: Caller;
  readonly proof: ProofKind;
}

/** What a token turned out to be. */
type TokenMeaning = Found | { readonly ownKey: string };

const USABLE_TOKEN = /^[\x21-\x7e]+$/;

/** Longer than any token that fits into the headers that proxies commonly pass on. */
const MAX_TOKEN = 8_192;

/** The longest Vultr key that is passed on. */
const MAX_OWN_KEY = 512;

/** Makes it for the callers of a callers file. */
export function createIdentifier(index: ProofIndex, verifier: JwtVerifier, mesh: MeshIdentity): Identifier {
  async function readToken(token: string): Promise<TokenMeaning> {
    const sha256 = sha256Hex(token);
    const caller = index.byToken(sha256);
    if (caller !== undefined) return { caller, proof: 'virtual_key' };
    const remembered = verifier.remembered(sha256);
    if (remembered !== undefined) return ofClaims(remembered);
    if (isVirtualKey(token)) throw unknownVirtualKey(token);
    return isJwt(token) ? ofClaims(await verifier.verify(token, sha256)) : { ownKey: token };
  }

  function ofClaims({ issuer, claims }: VerifiedToken): Found {
    const [found, other] = index.byClaims(issuer, claims);
    if (found === undefined) throw callerUnknown('The subject and claims of the token are of no caller.');
    if (other !== undefined) throw callerAmbiguous(`The token proves both ${found.name} and ${other.name}.`);
    return { caller: found, proof: 'jwt' };
  }

  return {
    identify: async ({ address, certificate, identityHeaders, authorization }) => {
      const viaMesh = mesh.read(address, identityHeaders);
      // The certificate of a connection from a proxy that speaks for others is the proxy's.
      const names = viaMesh ?? certificate;
      const found = names === undefined ? [] : findByNames(index, names, viaMesh ? 'mesh' : 'certificate');
      const meaning =
        authorization === undefined || authorization === ''
          ? undefined
          : await readToken(parseBearer(authorization));
      return settle(index, undefined, found, meaning);
    },
    complete: async (early, accessToken) => {
      const meaning =
        accessToken === undefined || accessToken === ''
          ? undefined
          : await readToken(checkToken(accessToken));
      const identity = meaning === undefined ? early : settle(index, early, [], meaning);
      if (identity !== undefined) return identity;
      throw callerUnknown(
        'The call proves no caller. Send a virtual key or a token as "authorization: Bearer ...", or a client certificate.',
      );
    },
  };
}

/** Puts together what was found. */
function settle(
  index: ProofIndex,
  early: Identity | undefined,
  names: readonly Found[],
  meaning: TokenMeaning | undefined,
): Identity | undefined {
  const found = [...names];
  if (meaning !== undefined && 'caller' in meaning) found.push(meaning);
  const ownKey = meaning !== undefined && 'ownKey' in meaning ? meaning.ownKey : undefined;
  const caller = early?.caller ?? found[0]?.caller;
  const other = found.find((each) => each.caller !== caller)?.caller;
  if (caller !== undefined && other !== undefined)
    throw callerAmbiguous(`The call proves both ${caller.name} and ${other.name}. Send one proof.`);
  const proofs = [...(early?.proofs ?? []), ...found.map(({ proof }) => proof)];
  if (ownKey !== undefined) return withOwnKey(index, caller, proofs, early?.ownKey, ownKey);
  if (caller === undefined) return undefined;
  return { caller, proofs, ownKey: early?.ownKey, id: early?.id ?? caller.name };
}

function withOwnKey(
  index: ProofIndex,
  proven: Caller | undefined,
  proofs: readonly ProofKind[],
  earlier: string | undefined,
  ownKey: string,
): Identity {
  if (earlier !== undefined && earlier !== ownKey)
    throw callerAmbiguous('The access_token and the authorization of the call are two Vultr keys.');
  const caller = proven ?? index.byOwnKey;
  if (caller === undefined)
    throw callerUnknown(
      'The token is neither a virtual key nor a JWT of a known issuer, so it proves no caller.',
    );
  if (!caller.bringOwnKey)
    throw callerUnknown(`The caller ${caller.name} may not bring a Vultr key of its own (bring_own_key).`);
  if (ownKey.length > MAX_OWN_KEY) throw callerUnknown('The token is too long for a Vultr key.');
  const isProven = proofs.some((proof) => proof !== 'own_key');
  return {
    caller,
    proofs: isProven ? proofs : ['own_key'],
    ownKey,
    id: isProven ? caller.name : `${caller.name}#${hash('sha256', ownKey, 'hex').slice(0, 16)}`,
  };
}

/** The callers that the names of a certificate prove. A certificate with two SPIFFE IDs is not a valid one (X.509-SVID, 2). */
function findByNames(
  index: ProofIndex,
  names: CertificateNames,
  from: 'certificate' | 'mesh',
): readonly Found[] {
  const spiffeIds = names.uris.filter((uri) => uri.startsWith('spiffe://'));
  if (spiffeIds.length > 1) throw callerUnknown('The client certificate has more than one SPIFFE ID.');
  const values: readonly (readonly [NameKind, string])[] = [
    ...spiffeIds.map((uri) => ['spiffe', uri] as const),
    ...names.dnsNames.map((name) => ['dns', name.toLowerCase()] as const),
    ...(names.commonName === undefined ? [] : [['cn', names.commonName] as const]),
  ];
  return values.flatMap(([kind, value]) =>
    index.byName(kind, value).map((caller) => ({ caller, proof: `${from}_${kind}` as const })),
  );
}

function unknownVirtualKey(token: string): CallError {
  return callerUnknown(
    isWholeVirtualKey(token)
      ? 'The virtual key belongs to no caller of the callers file.'
      : 'The virtual key is not whole: it was cut off or mistyped.',
  );
}

const SCHEME = 'bearer ';

/** Reads `Bearer <token>` (RFC 6750, section 2.1; the scheme's case does not matter, RFC 9110, section 11.1). */
function parseBearer(authorization: string): string {
  const text = authorization.trim();
  const token = text.slice(SCHEME.length).trimStart();
  if (text.slice(0, SCHEME.length).toLowerCase() !== SCHEME || token.includes(' '))
    throw callerUnknown('The authorization must be "Bearer" followed by one token.');
  return checkToken(token);
}

function checkToken(token: string): string {
  if (token.length > MAX_TOKEN) throw callerUnknown(`The token has over ${MAX_TOKEN} characters.`);
  if (USABLE_TOKEN.test(token)) return token;
  throw callerUnknown('The token holds characters that no token has.');
}

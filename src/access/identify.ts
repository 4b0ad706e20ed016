import { hash } from 'node:crypto';
import type { MaybeSoon } from '../base/soon.ts';
import { bearerToken } from '../rpc/bearer.ts';
import type { CertificateNames, Evidence } from '../rpc/evidence.ts';
import type { CallError } from '../status/call-error.ts';
import { callerAmbiguous, callerUnknown } from './errors.ts';
import type { Identity, Proof } from './identity.ts';
import { type BearerToken, createRecall, type Found, foundOf } from './identity-recall.ts';
import { isJwt, type JwtVerifier, type VerifiedToken } from './jwt.ts';
import type { MeshIdentity } from './mesh-identity.ts';
import type { Caller, NameKind } from './model.ts';
import type { ProofIndex } from './proof-index.ts';
import { isVirtualKey, isWholeVirtualKey, sha256Hex } from './virtual-key.ts';

export type { Identity, ProofKind } from './identity.ts';

/** Finds out who is calling. What it remembers of callers lasts no longer than it does. */
export interface Identifier {
  /**
   * Examines everything that comes before the request.
   * @returns undefined when there is nothing that could prove a caller
   * @throws CallError UNAUTHENTICATED when there is something and it proves nobody, or more than one caller
   */
  identify(evidence: Evidence): MaybeSoon<Identity | undefined>;
  /**
   * Examines the request's `access_token`, too, which counts like a Bearer token.
   * @throws CallError UNAUTHENTICATED when the call then still has no caller, or more than one
   */
  complete(early: Identity | undefined, accessToken: string | undefined): MaybeSoon<Identity>;
  /** Whether everything that proved a caller, perhaps by an earlier state of the callers file, proves the same caller still. */
  isProven(identity: Identity): boolean;
}

/** What kind of token it is. */
type TokenMeaning = Found | { readonly ownKey: string };

const NOTHING: readonly Found[] = [];

const USABLE_TOKEN = /^[\x21-\x7e]+$/;

/** Longer than any token that fits into the headers that proxies commonly pass on. */
const MAX_TOKEN = 8_192;

/** The longest Vultr key that is passed on. */
const MAX_OWN_KEY = 512;

/** Creates an identifier for the callers of a callers file. */
export function createIdentifier(index: ProofIndex, verifier: JwtVerifier, mesh: MeshIdentity): Identifier {
  const recall = createRecall();

  function examine(text: string): BearerToken {
    const sha256 = sha256Hex(text);
    const caller = index.byToken(sha256);
    return { text, sha256, virtualKey: caller && recall.ofVirtualKey(caller, sha256) };
  }

  function readToken({ text, sha256, virtualKey }: BearerToken): MaybeSoon<TokenMeaning> {
    if (virtualKey !== undefined) return virtualKey;
    const remembered = verifier.remembered(sha256);
    if (remembered !== undefined) return ofClaims(remembered);
    if (isVirtualKey(text)) throw unknownVirtualKey(text);
    return isJwt(text) ? verifier.verify(text, sha256).then(ofClaims) : { ownKey: text };
  }

  function ofClaims(token: VerifiedToken): Found {
    return recall.ofToken(token, () => {
      const [found, other] = index.byClaims(token.issuer, token.claims);
      if (found === undefined) throw callerUnknown('The subject and claims of the token are of no caller.');
      if (other !== undefined)
        throw callerAmbiguous(`The token proves both ${found.name} and ${other.name}.`);
      return foundOf(found, 'jwt', { kind: 'jwt', token });
    });
  }

  function ofNames({ address, certificate, identityHeaders }: Evidence): readonly Found[] {
    const viaMesh = mesh.read(address, identityHeaders);
    // The certificate of a connection from a proxy that speaks for others is the proxy's.
    if (viaMesh !== undefined) return findByNames(index, viaMesh, address);
    if (certificate === undefined) return NOTHING;
    return recall.ofCertificate(certificate, () => findByNames(index, certificate, undefined));
  }

  function callersBy(proof: Proof): readonly Caller[] {
    if (proof.kind === 'token') {
      const caller = index.byToken(proof.sha256);
      return caller === undefined ? [] : [caller];
    }
    if (proof.kind === 'jwt') return index.byClaims(proof.token.issuer, proof.token.claims);
    const isVouchedFor = proof.proxy === undefined || mesh.isTrusted(proof.proxy);
    return isVouchedFor ? index.byName(proof.kind, proof.name) : [];
  }

  return {
    isProven: ({ caller: { name }, provenBy, ownKey }) => {
      const isName = (caller: Caller | undefined): boolean => caller?.name === name;
      if (ownKey !== undefined && provenBy.length === 0) return isName(index.byOwnKey);
      return provenBy.every((proof) => callersBy(proof).some(isName));
    },
    identify: (evidence) => {
      const { authorization, connection } = evidence;
      const names = ofNames(evidence);
      if (authorization === undefined || authorization === '')
        return settle(index, undefined, names, undefined);
      const meaning = readToken(
        recall.bearerToken(connection, authorization, () => examine(readBearer(authorization))),
      );
      return meaning instanceof Promise
        ? meaning.then((known) => settle(index, undefined, names, known))
        : settle(index, undefined, names, meaning);
    },
    complete: (early, accessToken) => {
      if (accessToken === undefined || accessToken === '') return orUnknown(early);
      const meaning = readToken(examine(checkToken(accessToken)));
      return meaning instanceof Promise
        ? meaning.then((known) => orUnknown(settle(index, early, NOTHING, known)))
        : orUnknown(settle(index, early, NOTHING, meaning));
    },
  };
}

function orUnknown(identity: Identity | undefined): Identity {
  if (identity !== undefined) return identity;
  throw callerUnknown(
    'The call proves no caller. Send a virtual key or a token as "authorization: Bearer ...", or a client certificate.',
  );
}

/** Combines what was found. */
function settle(
  index: ProofIndex,
  early: Identity | undefined,
  names: readonly Found[],
  meaning: TokenMeaning | undefined,
): Identity | undefined {
  // The usual case: one proof, of which the identity was made before.
  const [only, another] = names;
  if (early === undefined && meaning === undefined && another === undefined) return only?.identity;
  if (early === undefined && only === undefined && meaning !== undefined && 'caller' in meaning)
    return meaning.identity;
  const found = [...names];
  if (meaning !== undefined && 'caller' in meaning) found.push(meaning);
  const ownKey = meaning !== undefined && 'ownKey' in meaning ? meaning.ownKey : undefined;
  const caller = early?.caller ?? found[0]?.caller;
  const other = found.find((each) => each.caller !== caller)?.caller;
  if (caller !== undefined && other !== undefined)
    throw callerAmbiguous(`The call proves both ${caller.name} and ${other.name}. Send one proof.`);
  const proofs = [...(early?.proofs ?? []), ...found.map(({ proof }) => proof)];
  const provenBy = [...(early?.provenBy ?? []), ...found.map((each) => each.provenBy)];
  if (ownKey !== undefined) return withOwnKey(index, caller, { proofs, provenBy }, early?.ownKey, ownKey);
  if (caller === undefined) return undefined;
  return { caller, proofs, provenBy, ownKey: early?.ownKey, id: early?.id ?? caller.name };
}

function withOwnKey(
  index: ProofIndex,
  proven: Caller | undefined,
  { proofs, provenBy }: Pick<Identity, 'proofs' | 'provenBy'>,
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
    provenBy,
    ownKey,
    id: isProven ? caller.name : `${caller.name}#${hash('sha256', ownKey, 'hex').slice(0, 16)}`,
  };
}

/**
 * The callers that the names of a certificate prove, or those that a proxy vouches for. A certificate with two SPIFFE IDs is not a
 * valid one (X.509-SVID, 2).
 * @param proxy its address; undefined: the names are of the connection's own certificate
 */
function findByNames(
  index: ProofIndex,
  names: CertificateNames,
  proxy: string | undefined,
): readonly Found[] {
  const spiffeIds = names.uris.filter((uri) => uri.startsWith('spiffe://'));
  if (spiffeIds.length > 1) throw callerUnknown('The client certificate has more than one SPIFFE ID.');
  const values: readonly (readonly [NameKind, string])[] = [
    ...spiffeIds.map((uri) => ['spiffe', uri] as const),
    ...names.dnsNames.map((name) => ['dns', name.toLowerCase()] as const),
    ...(names.commonName === undefined ? [] : [['cn', names.commonName] as const]),
  ];
  const from = proxy === undefined ? 'certificate' : 'mesh';
  return values.flatMap(([kind, name]) =>
    index.byName(kind, name).map((caller) => foundOf(caller, `${from}_${kind}`, { kind, name, proxy })),
  );
}

function unknownVirtualKey(token: string): CallError {
  return callerUnknown(
    isWholeVirtualKey(token)
      ? 'The virtual key belongs to no caller of the callers file.'
      : 'The virtual key is not whole: it was cut off or mistyped.',
  );
}

function readBearer(authorization: string): string {
  const token = bearerToken(authorization);
  if (token === undefined) throw callerUnknown('The authorization must be "Bearer" followed by one token.');
  return checkToken(token);
}

function checkToken(token: string): string {
  if (token.length > MAX_TOKEN) throw callerUnknown(`The token has over ${MAX_TOKEN} characters.`);
  if (USABLE_TOKEN.test(token)) return token;
  throw callerUnknown('The token holds characters that no token has.');
}

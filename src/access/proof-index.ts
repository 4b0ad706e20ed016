import type { JWTPayload } from 'jose';
import type { Glob } from './glob.ts';
import type { Caller, ClaimSpec, NameKind, ProofSpec } from './model.ts';
import { TokenTable } from './virtual-key.ts';

type JwtSpec = Extract<ProofSpec, { readonly kind: 'jwt' }>;

/** Finds the callers that something proves. */
export interface ProofIndex {
  /** @param sha256 of a token, in hexadecimal digits */
  byToken(sha256: string): Caller | undefined;
  byName(kind: NameKind, value: string): readonly Caller[];
  byClaims(issuer: string, claims: JWTPayload): readonly Caller[];
  /** The caller that every Vultr key of somebody's own proves. */
  readonly byOwnKey: Caller | undefined;
}

interface Owned<Spec> {
  readonly spec: Spec;
  readonly caller: Caller;
}

/** Builds the index. An exact match takes precedence over one by `*`. */
export function createProofIndex(callers: readonly Caller[]): ProofIndex {
  const tokens = new TokenTable<Caller>();
  const literals = new Map<string, Caller>();
  const globs: Record<NameKind, Owned<Glob>[]> = { spiffe: [], dns: [], cn: [] };
  const jwts = new Map<string, Owned<JwtSpec>[]>();
  let byOwnKey: Caller | undefined;
  for (const caller of callers) {
    for (const proof of caller.proofs) {
      if (proof.kind === 'token') tokens.add(proof.sha256, caller);
      else if (proof.kind === 'own_key') byOwnKey = caller;
      else if (proof.kind === 'jwt') {
        const list = jwts.get(proof.issuer) ?? [];
        list.push({ spec: proof, caller });
        jwts.set(proof.issuer, list);
      } else if (proof.name.isLiteral) literals.set(`${proof.kind} ${proof.name.text}`, caller);
      else globs[proof.kind].push({ spec: proof.name, caller });
    }
  }
  return {
    byToken: (sha256) => tokens.find(sha256),
    byName: (kind, value) => {
      const literal = literals.get(`${kind} ${value}`);
      if (literal !== undefined) return [literal];
      return distinct(globs[kind].filter(({ spec }) => spec.matches(value)));
    },
    byClaims: (issuer, claims) => {
      const matching = (jwts.get(issuer) ?? []).filter(({ spec }) => matchesToken(spec, claims));
      const literal = matching.filter(({ spec }) => isLiteral(spec));
      return distinct(literal.length > 0 ? literal : matching);
    },
    byOwnKey,
  };
}

function distinct(owned: readonly Owned<unknown>[]): readonly Caller[] {
  return [...new Set(owned.map(({ caller }) => caller))];
}

function matchesToken({ subject, claims }: JwtSpec, token: JWTPayload): boolean {
  if (subject !== undefined && (typeof token.sub !== 'string' || !subject.matches(token.sub))) return false;
  return matchesClaims(claims, token);
}

function matchesClaims(spec: ClaimSpec, claims: unknown): boolean {
  if (typeof claims !== 'object' || claims === null) return spec.size === 0;
  return [...spec].every(([name, wanted]) => {
    const value: unknown = Object.hasOwn(claims, name) ? Reflect.get(claims, name) : undefined;
    return isNested(wanted) ? matchesClaims(wanted, value) : matchesValue(wanted, value);
  });
}

/** For a list, one matching element is enough. */
function matchesValue(glob: Glob, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((each) => !Array.isArray(each) && matchesValue(glob, each));
  if (typeof value === 'string') return glob.matches(value);
  return (typeof value === 'number' || typeof value === 'boolean') && glob.matches(String(value));
}

function isNested(wanted: Glob | ClaimSpec): wanted is ClaimSpec {
  return wanted instanceof Map;
}

function isLiteral({ subject, claims }: JwtSpec): boolean {
  const literalClaims = (spec: ClaimSpec): boolean =>
    [...spec.values()].every((wanted) => (isNested(wanted) ? literalClaims(wanted) : wanted.isLiteral));
  return (subject?.isLiteral ?? true) && literalClaims(claims);
}

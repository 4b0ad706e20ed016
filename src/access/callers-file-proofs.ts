import { isCollection, isMap } from 'yaml';
import type { Declared } from './callers-file-accounts.ts';
import { compileGlob, type Glob } from './glob.ts';
import type { ClaimSpec, IssuerSpec, NameKind, ProofSpec } from './model.ts';
import { type Located, type Member, quote, type YamlReader } from './yaml-reader.ts';

const KINDS = ['token_sha256', 'jwt', 'spiffe', 'dns', 'cn', 'own_key'] as const;

/**
 * SPIFFE-ID, chapter 2: a trust domain of lower-case letters, digits, ".", "-" and "_", and path segments. A `*` may stand
 * only in the path: the trust domain must be named in full.
 */
const SPIFFE = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._*-]+)+$/;

/** Labels of letters, digits, "-" and "_"; `*` for any run of characters. */
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_*-]{1,63}(?:\.[a-z0-9_*-]{1,63})*$/i;

/** Reads one entry of `is`: a mapping with one member, whose name says what kind of proof it is. */
export function readProof(
  reader: YamlReader,
  item: Located,
  issuers: Declared<IssuerSpec>,
): ProofSpec | undefined {
  const members = reader.members({ ...item, label: 'A proof' }, KINDS);
  const given = Object.values(members);
  const [member] = given;
  if (member === undefined || given.length > 1) {
    // Values that are not mappings, and unknown members, have been reported already.
    if (given.length > 1 || (isMap(item.node) && item.node.items.length === 0))
      reader.fail(item, `A proof must have exactly one of the members ${KINDS.join(', ')}.`);
    return undefined;
  }
  switch (member.name) {
    case 'token_sha256':
      return readToken(reader, member);
    case 'jwt':
      return readJwt(reader, member, issuers);
    case 'own_key':
      return reader.boolean(member) === false
        ? reader.fail(member, 'own_key must be true.')
        : { kind: 'own_key' };
    default:
      return readNameProof(reader, member, member.name as NameKind);
  }
}

function readToken(reader: YamlReader, member: Member): ProofSpec | undefined {
  const text = reader.text(member);
  if (text === undefined) return undefined;
  const sha256 = text.toLowerCase();
  if (/^[0-9a-f]{64}$/.test(sha256)) return { kind: 'token', sha256 };
  return reader.fail(
    member,
    'token_sha256 must be the SHA-256 of a key in 64 hexadecimal digits, as "vultr-grpc token" prints it. Never write the key itself here.',
  );
}

function readNameProof(reader: YamlReader, member: Member, kind: NameKind): ProofSpec | undefined {
  const text = reader.text(member);
  if (text === undefined) return undefined;
  if (kind === 'spiffe' && !SPIFFE.test(text)) {
    return reader.fail(
      member,
      `${quote(text)} is not a SPIFFE ID such as spiffe://prod.example/ns/ci/sa/deployer. A "*" may stand in its path only.`,
    );
  }
  if (kind === 'dns' && !DNS_NAME.test(text))
    return reader.fail(member, `${quote(text)} is not a DNS name such as deployer.ci.example.`);
  if (/^\**$/.test(text)) return reader.fail(member, `${kind} must not match every name.`);
  return { kind, name: compileGlob(kind === 'dns' ? text.toLowerCase() : text) };
}

function readJwt(reader: YamlReader, value: Member, issuers: Declared<IssuerSpec>): ProofSpec | undefined {
  const members = reader.members(value, ['issuer', 'subject', 'claims'], ['issuer']);
  const issuer = members.issuer === undefined ? undefined : reader.text(members.issuer);
  if (members.issuer !== undefined && issuer !== undefined && !issuers.names.has(issuer)) {
    const known = [...issuers.names].join(', ') || 'none';
    reader.fail(members.issuer, `There is no issuer ${quote(issuer)}. The issuers are: ${known}.`);
  }
  const subject = members.subject === undefined ? undefined : reader.text(members.subject);
  const claims = members.claims === undefined ? new Map() : readClaims(reader, members.claims);
  if (members.issuer !== undefined && members.subject === undefined && members.claims === undefined)
    return reader.fail(value, 'jwt must have a subject or claims. A subject of "*" is any subject.');
  if (issuer === undefined || (members.subject !== undefined && subject === undefined)) return undefined;
  return {
    kind: 'jwt',
    issuer,
    subject: subject === undefined ? undefined : compileGlob(subject),
    claims,
  };
}

function readClaims(reader: YamlReader, value: Located): ClaimSpec {
  const claims = new Map<string, Glob | ClaimSpec>();
  const entries = reader.entries(value);
  if (isMap(value.node) && entries.length === 0) reader.fail(value, `${value.label} must not be empty.`);
  for (const member of entries) {
    if (isCollection(member.node)) {
      claims.set(member.name, readClaims(reader, member));
      continue;
    }
    const text = reader.text(member);
    if (text !== undefined) claims.set(member.name, compileGlob(text));
  }
  return claims;
}

import { isSeq } from 'yaml';
import { checkName, type Declared } from './callers-file-accounts.ts';
import { readCreateLimits, readRules } from './callers-file-policy.ts';
import { readProof } from './callers-file-proofs.ts';
import type { AccountSpec, Caller, IssuerSpec, ProofSpec } from './model.ts';
import { proofKey } from './proof-key.ts';
import { type Located, type Member, quote, type YamlReader } from './yaml-reader.ts';

/** What the entries of callers may refer to. */
export interface CallersContext {
  readonly accounts: Declared<AccountSpec>;
  readonly issuers: Declared<IssuerSpec>;
  /** Every name that a rule can match. */
  readonly targets: readonly string[];
}

const MEMBERS = ['name', 'is', 'account', 'bring_own_key', 'allow', 'deny', 'create', 'rate'] as const;

type CallerMembers = Partial<Record<(typeof MEMBERS)[number], Member>>;

/** What came earlier in the file, to find duplicates. */
interface Seen {
  readonly names: Set<string>;
  /** The caller that a proof belongs to. */
  readonly proofs: Map<string, string>;
}

/** Reads `callers`. */
export function readCallers(
  reader: YamlReader,
  section: Located | undefined,
  context: CallersContext,
): readonly Caller[] {
  if (section === undefined) return [];
  const items = reader.items(section);
  if (isSeq(section.node) && items.length === 0)
    reader.fail(section, 'callers must name at least one caller.');
  const seen: Seen = { names: new Set(), proofs: new Map() };
  return items.flatMap((item) => {
    const caller = readCaller(reader, item, context, seen);
    return caller === undefined ? [] : [caller];
  });
}

function readCaller(
  reader: YamlReader,
  item: Located,
  context: CallersContext,
  seen: Seen,
): Caller | undefined {
  const members = reader.members({ ...item, label: 'A caller' }, MEMBERS, ['name', 'is', 'allow']);
  const name = readName(reader, members.name, seen);
  const bringOwnKey = members.bring_own_key === undefined ? false : reader.boolean(members.bring_own_key);
  const proofs = readProofs(reader, members.is, name ?? '', context, seen);
  const account = readAccountName(reader, item, members, context, bringOwnKey ?? true);
  if (members.is !== undefined && proofs.some(({ kind }) => kind === 'own_key') && bringOwnKey === false)
    reader.fail(members.is, 'own_key proves this caller only together with bring_own_key: true.');
  const allow = readRules(reader, members.allow, context.targets);
  const deny = readRules(reader, members.deny, context.targets);
  const create = members.create === undefined ? undefined : readCreateLimits(reader, members.create);
  const rate =
    members.rate === undefined
      ? undefined
      : reader.number(members.rate, { min: 0.01, max: 1_000_000, isInteger: false });
  if (name === undefined || bringOwnKey === undefined) return undefined;
  return { name, proofs, account, bringOwnKey, allow, deny, create, rate };
}

function readName(reader: YamlReader, member: Member | undefined, { names }: Seen): string | undefined {
  const name = member === undefined ? undefined : reader.text(member);
  if (member === undefined || name === undefined) return undefined;
  if (names.has(name)) reader.fail(member, `There is a caller ${quote(name)} above.`);
  names.add(name);
  return checkName(reader, member, name) ? name : undefined;
}

function readProofs(
  reader: YamlReader,
  member: Member | undefined,
  caller: string,
  context: CallersContext,
  { proofs: seen }: Seen,
): readonly ProofSpec[] {
  if (member === undefined) return [];
  const items = reader.items(member);
  if (isSeq(member.node) && items.length === 0) reader.fail(member, 'is must hold at least one proof.');
  return items.flatMap((item) => {
    const proof = readProof(reader, item, context.issuers);
    if (proof === undefined) return [];
    const key = proofKey(proof);
    const owner = seen.get(key);
    if (owner !== undefined) {
      const whose = owner === caller ? 'this caller already' : `the caller ${quote(owner)} above`;
      reader.fail(item, `This proof belongs to ${whose}.`);
    }
    seen.set(key, owner ?? caller);
    return [proof];
  });
}

function readAccountName(
  reader: YamlReader,
  item: Located,
  { account: member }: CallerMembers,
  { accounts }: CallersContext,
  bringOwnKey: boolean,
): string | undefined {
  if (member === undefined) {
    if (!bringOwnKey) reader.fail(item, 'A caller must have an account, or bring_own_key: true.');
    return undefined;
  }
  const name = reader.text(member);
  if (name === undefined || accounts.names.has(name)) return name;
  const known = [...accounts.names].join(', ') || 'none';
  return reader.fail(member, `There is no account ${quote(name)}. The accounts are: ${known}.`);
}

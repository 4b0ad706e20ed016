import { type KeySources, readKey } from './account-key.ts';
import type { AccountSpec } from './model.ts';
import { type Located, type Member, quote, type YamlReader } from './yaml-reader.ts';

/** What a section declares, by name; names whose declaration is wrong count as declared, so that nothing is reported twice. */
export interface Declared<Spec> {
  readonly found: ReadonlyMap<string, Spec>;
  readonly names: ReadonlySet<string>;
}

/** Names appear in logs, metrics and Redis keys. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Checks a name. */
export function checkName(reader: YamlReader, value: Located, name: string): boolean {
  if (NAME.test(name)) return true;
  reader.fail(
    value,
    `${quote(name)} is not a name. Names have up to 63 letters, digits, ".", "_" and "-", the first a letter or digit.`,
  );
  return false;
}

/** Reads `accounts`, and their keys, so that an unreadable key is found now. */
export async function readAccounts(
  reader: YamlReader,
  section: Located | undefined,
  sources: KeySources,
): Promise<Declared<AccountSpec>> {
  const found = new Map<string, AccountSpec>();
  const names = new Set<string>();
  for (const member of section === undefined ? [] : reader.entries(section)) {
    names.add(member.name);
    const isNamed = checkName(reader, { ...member, offset: member.nameOffset }, member.name);
    const spec = await readAccount(reader, member, sources);
    if (isNamed && spec !== undefined) found.set(member.name, spec);
  }
  return { found, names };
}

async function readAccount(
  reader: YamlReader,
  member: Member,
  sources: KeySources,
): Promise<AccountSpec | undefined> {
  const { name } = member;
  const label = `The account ${quote(name)}`;
  const members = reader.members({ ...member, label }, ['key_file', 'key_env']);
  const { key_file: file, key_env: env } = members;
  if ((file === undefined) === (env === undefined))
    return reader.fail(member, `${label} must have either key_file or key_env.`);
  const place = file ?? env;
  const text = place === undefined ? undefined : reader.text(place);
  if (place === undefined || text === undefined) return undefined;
  const spec: AccountSpec = file === undefined ? { name, keyEnv: text } : { name, keyFile: text };
  const key = await readKey(spec, sources);
  if (key.kind === 'fault') return reader.fail(place, key.message);
  return spec;
}

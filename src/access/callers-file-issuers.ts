import { isSeq } from 'yaml';
import { codeOf, type ReadFile } from './account-key.ts';
import { checkName, type Declared } from './callers-file-accounts.ts';
import { JwksError, parseJwks } from './jwks.ts';
import { ALGORITHMS } from './jwt-algorithms.ts';
import type { IssuerSpec, JwksUrl } from './model.ts';
import { type Located, type Member, quote, type YamlReader } from './yaml-reader.ts';

const MEMBERS = [
  'name',
  'issuer',
  'audience',
  'jwks_file',
  'jwks_url',
  'ca_file',
  'bearer_file',
  'algorithms',
  'clock_skew',
] as const;

type IssuerMembers = Partial<Record<(typeof MEMBERS)[number], Member>>;

const DEFAULT_CLOCK_SKEW_SECONDS = 30;

/** Reads `issuers`. */
export async function readIssuers(
  reader: YamlReader,
  section: Located | undefined,
  { readFile }: { readonly readFile: ReadFile },
): Promise<Declared<IssuerSpec>> {
  const found = new Map<string, IssuerSpec>();
  const names = new Set<string>();
  const issuers = new Set<string>();
  for (const item of section === undefined ? [] : reader.items(section)) {
    const members = reader.members({ ...item, label: 'An issuer' }, MEMBERS, ['name', 'issuer', 'audience']);
    const name = members.name === undefined ? undefined : reader.text(members.name);
    if (members.name !== undefined && name !== undefined) {
      if (names.has(name)) reader.fail(members.name, `There is an issuer ${quote(name)} above.`);
      checkName(reader, members.name, name);
      names.add(name);
    }
    const issuer = members.issuer === undefined ? undefined : reader.text(members.issuer);
    if (members.issuer !== undefined && issuer !== undefined) {
      if (issuers.has(issuer))
        reader.fail(members.issuer, `Another issuer above has the same value of "issuer".`);
      issuers.add(issuer);
    }
    const rest = await readIssuer(reader, item, members, readFile);
    if (name !== undefined && issuer !== undefined && rest !== undefined)
      found.set(name, { name, issuer, ...rest });
  }
  return { found, names };
}

async function readIssuer(
  reader: YamlReader,
  item: Located,
  members: IssuerMembers,
  readFile: ReadFile,
): Promise<Omit<IssuerSpec, 'name' | 'issuer'> | undefined> {
  const audiences = readAudiences(reader, members.audience);
  const algorithms = readAlgorithms(reader, members.algorithms);
  const skew = members.clock_skew;
  const clockSkewSeconds =
    skew === undefined
      ? DEFAULT_CLOCK_SKEW_SECONDS
      : reader.number(skew, { min: 0, max: 300, isInteger: true });
  const keys = await readKeys(reader, item, members, readFile);
  if (keys === undefined || clockSkewSeconds === undefined) return undefined;
  return { audiences, keys, algorithms, clockSkewSeconds };
}

function readAudiences(reader: YamlReader, member: Member | undefined): readonly string[] {
  if (member === undefined) return [];
  if (isSeq(member.node)) return reader.texts(member).map(({ text }) => text);
  const text = reader.text(member);
  return text === undefined ? [] : [text];
}

function readAlgorithms(reader: YamlReader, member: Member | undefined): readonly string[] {
  if (member === undefined) return ALGORITHMS;
  return reader.texts(member).flatMap((item) => {
    if (ALGORITHMS.includes(item.text)) return [item.text];
    reader.fail(item, `${quote(item.text)} is not accepted. The algorithms are ${ALGORITHMS.join(', ')}.`);
    return [];
  });
}

async function readKeys(
  reader: YamlReader,
  item: Located,
  { jwks_file: file, jwks_url: url, ca_file: ca, bearer_file: bearer }: IssuerMembers,
  readFile: ReadFile,
): Promise<IssuerSpec['keys'] | undefined> {
  if ((file === undefined) === (url === undefined))
    return reader.fail(item, 'An issuer must have either jwks_file or jwks_url.');
  if (file !== undefined) {
    for (const other of [ca, bearer]) {
      if (other !== undefined)
        reader.fail({ offset: other.nameOffset }, `${other.name} only goes with jwks_url.`);
    }
    return await readJwksFile(reader, file, readFile);
  }
  const text = url === undefined ? undefined : reader.text(url);
  if (url === undefined || text === undefined) return undefined;
  if (!isFetchable(text))
    return reader.fail(url, 'jwks_url must be an https URL without user name and password.');
  return { url: text, ...(await readUrlFiles(reader, ca, bearer, readFile)) };
}

async function readJwksFile(
  reader: YamlReader,
  member: Member,
  readFile: ReadFile,
): Promise<{ readonly file: string } | undefined> {
  const file = reader.text(member);
  if (file === undefined) return undefined;
  try {
    parseJwks(await readFile(file));
    return { file };
  } catch (error) {
    const problem = error instanceof JwksError ? error.message : `cannot be read (${codeOf(error)}).`;
    return reader.fail(member, `The key set ${file} ${problem}`);
  }
}

async function readUrlFiles(
  reader: YamlReader,
  ca: Member | undefined,
  bearer: Member | undefined,
  readFile: ReadFile,
): Promise<Omit<JwksUrl, 'url'>> {
  const readPath = async (member: Member | undefined): Promise<string | undefined> => {
    const path = member === undefined ? undefined : reader.text(member);
    if (member === undefined || path === undefined) return undefined;
    try {
      await readFile(path);
      return path;
    } catch (error) {
      return reader.fail(member, `The file ${path} cannot be read (${codeOf(error)}).`);
    }
  };
  const caFile = await readPath(ca);
  const bearerFile = await readPath(bearer);
  return { ...(caFile !== undefined && { caFile }), ...(bearerFile !== undefined && { bearerFile }) };
}

/** Keys fetched without TLS could be anybody's; only this machine itself is exempt. */
function isFetchable(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
}

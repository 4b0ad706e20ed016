import { type Document, parseDocument, visit } from 'yaml';
import type { Operation } from '../contract/operation.ts';
import type { KeySources } from './account-key.ts';
import { readAccounts } from './callers-file-accounts.ts';
import { readCallers } from './callers-file-callers.ts';
import { readIssuers } from './callers-file-issuers.ts';
import { parseCidr } from './cidr.ts';
import { type Mistake, Mistakes } from './mistakes.ts';
import type { AccessModel, Cidr } from './model.ts';
import { nameableTargets } from './target.ts';
import { type Located, quote, YamlReader } from './yaml-reader.ts';

/** What a callers file is checked against. */
export interface CallersFileContext extends KeySources {
  /** The operations of the contract: a glob that matches none is a mistake. */
  readonly operations: Iterable<Operation>;
}

/** A callers file, or everything that is wrong with it. */
export type CallersFile =
  | { readonly kind: 'ok'; readonly model: AccessModel }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly Mistake[] };

/** Ten thousand callers need far less. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads a callers file. All mistakes are reported at once, each with its line and column. Mistakes in the YAML come alone,
 * since they may change the meaning of everything behind them.
 */
export async function parseCallersFile(bytes: Uint8Array, context: CallersFileContext): Promise<CallersFile> {
  const mistakes = new Mistakes();
  const model = await readModel(bytes, context, mistakes);
  return model === undefined || mistakes.count > 0
    ? { kind: 'mistakes', mistakes: mistakes.inOrder() }
    : { kind: 'ok', model };
}

async function readModel(
  bytes: Uint8Array,
  context: CallersFileContext,
  mistakes: Mistakes,
): Promise<AccessModel | undefined> {
  const text = decode(bytes, mistakes);
  if (text === undefined) return undefined;
  const document = parseYaml(text, mistakes);
  if (document === undefined || mistakes.count > 0) return undefined;
  const reader = new YamlReader(mistakes);
  const whole: Located = { node: document.contents, offset: 0, label: 'The callers file' };
  if (document.contents === null)
    return reader.fail(whole, 'The file is empty. It must have the members accounts and callers.');
  const sections = reader.members(whole, SECTIONS, ['callers']);
  const accounts = await readAccounts(reader, sections.accounts, context);
  const issuers = await readIssuers(reader, sections.issuers, context);
  const trustedProxies = readProxies(reader, sections.trusted_proxies);
  const callers = readCallers(reader, sections.callers, {
    accounts,
    issuers,
    targets: nameableTargets(context.operations),
  });
  return { accounts: accounts.found, issuers: issuers.found, callers, trustedProxies };
}

const SECTIONS = ['accounts', 'issuers', 'callers', 'trusted_proxies'] as const;

function decode(bytes: Uint8Array, mistakes: Mistakes): string | undefined {
  if (bytes.length > MAX_BYTES) {
    mistakes.add(0, `The file has over ${MAX_BYTES} bytes.`);
    return undefined;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const text = new TextDecoder().decode(bytes);
    const offset = text.indexOf('\ufffd');
    for (const { index } of text.matchAll(/^/gm)) mistakes.lines.addNewLine(index);
    mistakes.add(offset, 'The file is not UTF-8 from here on.');
    return undefined;
  }
}

function parseYaml(text: string, mistakes: Mistakes): Document.Parsed | undefined {
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: mistakes.lines,
      prettyErrors: false,
      stringKeys: true,
      resolveKnownTags: false,
      logLevel: 'error',
    });
  } catch {
    mistakes.add(0, 'The file is not YAML that can be read: it is nested too deeply.');
    return undefined;
  }
  for (const { pos, message } of [...document.errors, ...document.warnings]) mistakes.add(pos[0], message);
  if (mistakes.count > 0) return undefined;
  visit(document, {
    Alias: (_key, node) => {
      mistakes.add(node.range?.[0] ?? 0, 'Aliases are not supported. Write the value out.');
    },
  });
  return document;
}

function readProxies(reader: YamlReader, section: Located | undefined): readonly Cidr[] {
  if (section === undefined) return [];
  return reader.items(section).flatMap((item) => {
    const text = reader.text(item);
    if (text === undefined) return [];
    const cidr = parseCidr(text);
    if (typeof cidr !== 'string') return [cidr];
    reader.fail(item, `${quote(text)} is not a block of addresses: ${cidr}`);
    return [];
  });
}

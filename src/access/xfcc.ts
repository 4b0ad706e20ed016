/** What one element of an `x-forwarded-client-cert` header says about a certificate. */
export interface XfccElement {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** The subject in the form of RFC 2253; undefined: not given. */
  readonly subject: string | undefined;
}

/** A header that does not have the form that Envoy writes. */
export class XfccError extends Error {
  override readonly name = 'XfccError';
}

/** Longer than any chain of sidecars makes it, even with whole certificates (Cert, Chain). */
const MAX_LENGTH = 32 * 1024;

/**
 * Reads the header as Envoy writes it: elements separated by commas, in each of them `Key=Value` pairs separated by
 * semicolons; values with a comma, semicolon, equals sign or quote stand in double quotes, and a quote within is escaped by a
 * backslash. Every proxy appends its element, so the last one is about the caller of the nearest proxy.
 * @throws XfccError when it is malformed
 */
export function parseXfcc(header: string): readonly XfccElement[] {
  if (header.length > MAX_LENGTH) throw new XfccError(`has over ${MAX_LENGTH} characters`);
  // Envoy escapes quotes but not backslashes, so this may or may not be the end of a value.
  if (header.includes('\\\\"'))
    throw new XfccError('holds a quote behind two backslashes, which has two readings');
  const elements: XfccElement[] = [];
  const cursor: Cursor = { text: header, offset: 0 };
  while (cursor.offset <= header.length) {
    elements.push(parseElement(cursor));
    cursor.offset += 1;
  }
  return elements;
}

interface Cursor {
  readonly text: string;
  offset: number;
}

const KEY = /[A-Za-z]+/y;
const PLAIN_VALUE = /[^,;"]*/y;
/** Only quotes are escaped; a backslash before anything else stands for itself. A quote behind a backslash never ends a value. */
const QUOTED_VALUE = /"((?:\\"|[^"\\]|\\(?!"))*)"/y;
const BLANKS = /[ \t]*/y;

/** Reads an element up to the comma behind it, or the end. */
function parseElement(cursor: Cursor): XfccElement {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  let subject: string | undefined;
  do {
    match(cursor, BLANKS);
    const key = match(cursor, KEY).toLowerCase();
    if (key === '' || cursor.text[cursor.offset] !== '=') throw malformed(cursor);
    cursor.offset += 1;
    const value = parseValue(cursor);
    match(cursor, BLANKS);
    if (key === 'uri' && value !== '') uris.push(value);
    else if (key === 'dns' && value !== '') dnsNames.push(value);
    else if (key === 'subject') {
      if (subject !== undefined) throw malformed(cursor);
      subject = value;
    }
  } while (skip(cursor, ';'));
  const next = cursor.text[cursor.offset];
  if (next !== undefined && next !== ',') throw malformed(cursor);
  return { uris, dnsNames, subject: subject === '' ? undefined : subject };
}

function parseValue(cursor: Cursor): string {
  if (cursor.text[cursor.offset] !== '"') return match(cursor, PLAIN_VALUE).trimEnd();
  const quoted = match(cursor, QUOTED_VALUE);
  if (quoted === '') throw malformed(cursor);
  return quoted.slice(1, -1).replaceAll('\\"', '"');
}

function match(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.offset;
  const [found = ''] = pattern.exec(cursor.text) ?? [];
  cursor.offset += found.length;
  return found;
}

function skip(cursor: Cursor, character: string): boolean {
  const isThere = cursor.text[cursor.offset] === character;
  if (isThere) cursor.offset += 1;
  return isThere;
}

function malformed({ offset }: Cursor): XfccError {
  return new XfccError(`is malformed at character ${offset + 1}`);
}

/**
 * The common name of a subject in the form of RFC 2253, such as `CN=deployer,OU=ci`.
 * @returns undefined when it has none, more than one, or one that is escaped in hexadecimal form
 */
export function commonNameOf(subject: string): string | undefined {
  if (!WELL_FORMED.test(subject)) return undefined;
  const names = splitUnescaped(subject).flatMap((part) => {
    const [, name] = /^\s*CN\s*=(.*)$/is.exec(part) ?? [];
    return name === undefined ? [] : [name.trim()];
  });
  const [name] = names;
  if (name === undefined || names.length > 1 || name === '' || name.startsWith('#')) return undefined;
  return unescapeName(name);
}

/** Whether quotes come in pairs, and a character follows every backslash. */
const WELL_FORMED = /^(?:\\.|"(?:\\.|[^"\\])*"|[^"\\])*$/s;

/** The parts between commas and plus signs that are not escaped or within quotes. */
function splitUnescaped(subject: string): readonly string[] {
  return subject.match(/(?:\\.|"(?:\\.|[^"\\])*"|[^,+;\\"])+/gs) ?? [];
}

function unescapeName(name: string): string {
  const bare = /^"(.*)"$/s.exec(name)?.[1] ?? name;
  return bare
    .replace(/(?:\\[0-9A-Fa-f]{2})+/g, (bytes) =>
      Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'),
    )
    .replace(/\\(.)/gs, '$1');
}

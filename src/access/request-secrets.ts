import { MASK, maskValues } from '../base/mask-values.ts';
import type { Operation } from '../contract/operation.ts';
import type { IncomingRequest, VerbatimRequest } from '../rpc/call.ts';
import { isSecretName } from './redact.ts';
import { parseQuery } from './request-view.ts';

/** The longest body and query that are looked into. */
export const MAX_READ_BYTES = 64 * 1024;

/** How many members are looked at, and how many secrets of how many characters they may hold, until a request is too large. */
const MAX_MEMBERS = 5_000;
const MAX_SECRETS = 100;
const MAX_SECRET_LENGTH = 32 * 1024;

/** An operation, as far as its requests are read. */
type Read = Pick<Operation, 'isForm' | 'bindings'>;

/** Takes out of a text what must not be read. */
export type MaskText = (text: string) => string;

/**
 * Makes what takes a request's secrets out of the text of an error, in which Vultr may repeat them: the values that `redact`
 * masks by the names of their fields. The request is read when it is first used, which takes a few milliseconds at most. Texts
 * about a request that is too large for that, or cannot be read, are masked whole.
 * @param request undefined: it was not read, so that no text can repeat it
 */
export function maskSecretsOf(operation: Read, request: IncomingRequest | undefined): MaskText {
  let secrets: readonly string[] | 'too many' | undefined;
  return (text) => {
    secrets ??= request === undefined ? [] : secretsOf(operation, request);
    return secrets === 'too many' ? MASK : maskValues(text, secrets);
  };
}

function secretsOf(operation: Read, request: IncomingRequest): readonly string[] | 'too many' {
  const found = new SecretValues();
  try {
    if (request.kind === 'verbatim') addVerbatim(found, operation, request.request);
    else {
      found.add(request.message, false);
      const { path, query } = request.message;
      if (typeof query === 'string') found.addQuery(query);
      if (typeof path === 'string') found.addQuery(splitPath(path).query);
    }
  } catch (error) {
    if (error instanceof TooMany) return 'too many';
    throw error;
  }
  return [...found.values];
}

function addVerbatim(found: SecretValues, operation: Read, { path, query, body }: VerbatimRequest): void {
  for (const { index, isSecret } of pathVariables(operation))
    if (isSecret) found.add(path.split('/')[index], true);
  found.addQuery(splitPath(path).query);
  found.addQuery(query);
  if (body === undefined || body.length === 0) return;
  if (body.length > MAX_READ_BYTES) throw new TooMany();
  const text = Buffer.from(body).toString('utf8');
  const members = operation.isForm ? parseQuery(text) : parseJson(text);
  // What is not JSON may be anything, and hold secrets anywhere.
  if (members === undefined) throw new TooMany();
  found.add(members, false);
}

/** A request holds more than can be looked for. */
class TooMany extends Error {}

/** The values of the members of a request that have secret names, at whatever depth. */
class SecretValues {
  readonly values = new Set<string>();
  #members = 0;
  #length = 0;

  /** @param isSecret whether the value stands below a secret name, and all that is in it with it */
  add(value: unknown, isSecret: boolean): void {
    this.#members += 1;
    if (this.#members > MAX_MEMBERS) throw new TooMany();
    if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      const members = value as Readonly<Record<string, unknown>>;
      for (const name in members) this.add(members[name], isSecret || isSecretName(name));
    } else if (isSecret && value !== null && value !== undefined && typeof value !== 'boolean') {
      this.#addText(value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value));
    }
  }

  addQuery(query: string): void {
    if (query.length > MAX_READ_BYTES) throw new TooMany();
    this.add(parseQuery(query), false);
  }

  #addText(text: string): void {
    if (text === '' || this.values.has(text)) return;
    this.#length += text.length;
    this.values.add(text);
    if (this.#length > MAX_SECRET_LENGTH || this.values.size > MAX_SECRETS) throw new TooMany();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A path, and the query that stands in it by mistake, where nothing could be masked. */
export function splitPath(path: string): { readonly path: string; readonly query: string } {
  const match = /[?#]|%3f|%23/i.exec(path);
  if (match === null) return { path, query: '' };
  return { path: path.slice(0, match.index), query: path.slice(match.index + match[0].length) };
}

/** The positions of an operation's variables in its path, counted in segments. */
export function pathVariables({
  bindings,
}: Pick<Operation, 'bindings'>): readonly { readonly index: number; readonly isSecret: boolean }[] {
  return (bindings[0]?.template.variables ?? []).map(({ start, fieldPath }) => ({
    index: start + 1,
    isSecret: isSecretName(fieldPath.join('.')),
  }));
}

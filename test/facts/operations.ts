import { readFileSync } from 'node:fs';

/** A query parameter, or a member of a request's body. */
export interface KnownField {
  /** As Vultr spells it, without the names of the objects around it. */
  readonly name: string;
  /** `string`, `integer`, `number`, `boolean`, `object`, `any`, `array<...>`, or `map<...>` for an object with arbitrary names. */
  readonly type: string;
  /** The type according to another source, where the sources disagree. */
  readonly otherType: string | undefined;
  /** `inferred`: no source says so, but clients always send it. */
  readonly required: boolean | 'inferred';
  readonly isDeprecated: boolean;
  /** The members, where the type is an object or a list of objects. */
  readonly fields: readonly KnownField[];
}

/** The body of a request. */
export interface KnownBody {
  /** What holds the fields: a JSON object, a JSON list of such objects, or an HTML form. */
  readonly kind: 'object' | 'array' | 'form';
  readonly fields: readonly KnownField[];
}

/** An operation of Vultr's REST API. */
export interface KnownOperation {
  /** Such as `create-ssh-key`. */
  readonly id: string;
  /** The HTTP method, in capitals. */
  readonly method: string;
  /** The path with its parameters in braces, such as `/v2/ssh-keys/{ssh_key_id}`. */
  readonly path: string;
  /** The names of the path's parameters, in their order. */
  readonly pathParameters: readonly string[];
  readonly query: readonly KnownField[];
  /** Undefined: the request has no body. */
  readonly body: KnownBody | undefined;
  /** The status codes of success. */
  readonly success: readonly number[];
  /** Whether no source states the status code. */
  readonly isSuccessInferred: boolean;
  /** The members of the answer's JSON object. */
  readonly responseKeys: readonly string[];
  /** The member of the answer that is the list, if the operation lists something. */
  readonly listKey: string | undefined;
  readonly isPaginated: boolean;
  /** Whether Vultr answers without an API key. */
  readonly isPublic: boolean;
  readonly isDeprecated: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type FieldInProgress = Omit<KnownField, 'fields'> & { readonly fields: FieldInProgress[] };
type OperationInProgress = Omit<Mutable<KnownOperation>, 'query' | 'body'> & {
  readonly query: FieldInProgress[];
  body: { kind: KnownBody['kind']; readonly fields: FieldInProgress[] } | undefined;
};

/** Reads the facts about Vultr's operations that stand in operations.txt. */
export function readOperations(): readonly KnownOperation[] {
  return parseOperations(readFileSync(new URL('operations.txt', import.meta.url), 'utf8'));
}

/**
 * Parses facts in the format that the head of operations.txt describes.
 * @throws Error naming the first line that does not follow it
 */
export function parseOperations(text: string): readonly KnownOperation[] {
  const operations: OperationInProgress[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (line.startsWith('#') || words[0] === '') continue;
    try {
      if (!line.startsWith(' ')) operations.push(parseHead(words));
      else parseFact(words, operations.at(-1) ?? fail('no operation yet'));
    } catch (cause) {
      throw new Error(`Line ${index + 1} cannot be understood: ${line}`, { cause });
    }
  }
  return operations;
}

function parseHead([id = '', method = '', path = '', ...flags]: readonly string[]): OperationInProgress {
  if (!path.startsWith('/')) fail(`no path: ${path}`);
  const has = flagsOf(flags, ['public', 'deprecated', 'paginated']);
  return {
    id,
    method,
    path,
    pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
    query: [],
    body: undefined,
    success: [],
    isSuccessInferred: false,
    responseKeys: [],
    listKey: undefined,
    isPaginated: has('paginated'),
    isPublic: has('public'),
    isDeprecated: has('deprecated'),
  };
}

function parseFact([kind, ...words]: readonly string[], operation: OperationInProgress): void {
  const [first = ''] = words;
  if (kind === 'query') addField(operation.query, words);
  else if (kind === 'answers') parseAnswer(words, operation);
  else if (kind !== 'body') fail(`unknown kind of fact: ${kind}`);
  else if (words.length > 1) {
    operation.body ??= { kind: 'object', fields: [] };
    addField(operation.body.fields, words);
  } else if (first === 'array' || first === 'form') operation.body = { kind: first, fields: [] };
  else fail(`unknown kind of body: ${first}`);
}

function parseAnswer(words: readonly string[], operation: OperationInProgress): void {
  const codes = words.filter((word) => /^\d{3}\??$/.test(word));
  const keys = words.slice(codes.length);
  operation.success = codes.map((code) => Number(code.slice(0, 3)));
  operation.isSuccessInferred = codes.some((code) => code.endsWith('?'));
  operation.responseKeys = keys.map((key) => key.replaceAll(/[[\]]/g, ''));
  operation.listKey = keys.find((key) => key.startsWith('['))?.slice(1, -1);
}

function addField(fields: FieldInProgress[], [path = '', types = '', ...flags]: readonly string[]): void {
  const names = path.split(/(?<!\\)\./).map((name) => name.replaceAll('\\.', '.'));
  let among = fields;
  for (const parent of names.slice(0, -1))
    among = among.find(({ name }) => name === parent)?.fields ?? fail(`no field ${parent}`);
  const [type = '', otherType] = types.split('|');
  const has = flagsOf(flags, ['required', 'required?', 'deprecated']);
  among.push({
    name: names.at(-1) ?? '',
    type,
    otherType,
    required: has('required?') ? 'inferred' : has('required'),
    isDeprecated: has('deprecated'),
    fields: [],
  });
}

/** Whether flags are among those given, all of which must be allowed ones. */
function flagsOf<Flag extends string>(
  given: readonly string[],
  allowed: readonly Flag[],
): (flag: Flag) => boolean {
  const unknown = given.find((flag) => !allowed.some((known) => known === flag));
  if (unknown !== undefined) fail(`unknown flag: ${unknown}`);
  return (flag) => given.includes(flag);
}

function fail(message: string): never {
  throw new Error(message);
}

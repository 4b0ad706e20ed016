import { type KnownField, type KnownOperation, readOperations } from '../facts/operations.ts';
import type { client, Reply } from './client.ts';
import { BEFORE, type Before, EXTRA_FIELDS, KEYS, PARENTS, QUERIES, SAMPLES } from './operation-samples.ts';

/** Values by the name of a path's parameter, or of something else that a later request needs. */
export type Values = Record<string, string>;

/** A request of an operation, as values rather than bytes. */
export interface Asked<Operation extends KnownOperation = KnownOperation> {
  readonly operation: Operation;
  /** The parameters of the path, and whatever else has been made. */
  readonly path: Readonly<Values>;
  /** Encoded, with its question mark; empty: none. */
  readonly query: string;
  /** Undefined: no body. */
  readonly body: unknown;
  /** The key that this operation takes instead of the account's; undefined: the account's. */
  readonly key: string | undefined;
}

/** Sends a request in some way. The response has its JSON, undefined where it is none, and a status if there is one. */
export type Ask<Response extends Responded, Operation extends KnownOperation = KnownOperation> = (
  asked: Asked<Operation>,
) => Promise<Response>;

/** What a walk has to know of a response. */
export interface Responded {
  readonly json: unknown;
  readonly status?: number;
}

/** A body as it goes over the wire. */
export interface EncodedBody {
  readonly text: string;
  readonly contentType: string;
}

/** A way through operations, each of which is done after everything that it needs. */
export class OperationWalk<Operation extends KnownOperation> {
  readonly #byId: ReadonlyMap<string, Operation>;

  constructor(operations: readonly Operation[]) {
    this.#byId = new Map(operations.map((each) => [each.id, each]));
  }

  /**
   * Asks for an operation after everything was made that it needs, in the same way.
   * @param values parameters of the path that are to have these values, whatever was made
   */
  async walk<Response extends Responded>(
    operation: Operation,
    ask: Ask<Response, Operation>,
    values: Readonly<Values> = {},
  ): Promise<Response> {
    const made = await this.makeParents(operation, ask);
    await this.prepare(operation, ask, made);
    return ask(askedFor(operation, { ...made, ...values }));
  }

  /** Makes what the parameters of the operation's path stand for, outermost first. */
  async makeParents(operation: KnownOperation, ask: Ask<Responded, Operation>): Promise<Values> {
    // A parent's own operation may have the one example instance in its path.
    const made: Values = { instance_id: String(PARENTS['instance_id']) };
    for (const before of keyOf(operation.path)?.before ?? []) await this.#step(before, ask, made);
    for (const name of operation.pathParameters) {
      const upTo = operation.path.slice(0, operation.path.indexOf(`{${name}}`));
      const parent = PARENTS[`${upTo}{${name}}`] ?? PARENTS[name];
      if (parent === undefined)
        throw new Error(`The samples do not say where ${name} of ${operation.path} comes from.`);
      if (typeof parent === 'string') made[name] = parent;
      else await this.#step([parent[0], { [name]: parent[1] }], ask, made);
    }
    return made;
  }

  /** Does what has to be done before the operation itself, and adds what later requests need to `made`. */
  async prepare(operation: KnownOperation, ask: Ask<Responded, Operation>, made: Values): Promise<void> {
    for (const before of BEFORE[operation.id] ?? []) await this.#step(before, ask, made);
  }

  async #step([id, keep = {}]: Before, ask: Ask<Responded, Operation>, made: Values): Promise<void> {
    const operation = this.#byId.get(id);
    if (operation === undefined) throw new Error(`There is no operation ${id}.`);
    await this.prepare(operation, ask, made);
    const { json, status = 200 } = await ask(askedFor(operation, made));
    if (status >= 300) throw new Error(`${id} failed: ${status} ${JSON.stringify(json)}`);
    for (const [name, path] of Object.entries(keep)) {
      const value = valueAt(json, path);
      if (value === undefined)
        throw new Error(`The response of ${id} has no ${path}: ${JSON.stringify(json)}`);
      made[name] = String(value);
    }
  }
}

/** A walk through all known operations. */
export const everyOperation = new OperationWalk(readOperations());

/** The request of an operation, for these values. */
export function askedFor<Operation extends KnownOperation>(
  operation: Operation,
  values: Readonly<Values>,
): Asked<Operation> {
  const key = keyOf(operation.path);
  return {
    operation,
    path: values,
    query: QUERIES[operation.id] ?? '',
    body: bodyOf(operation, values),
    key: key === undefined ? undefined : (values[key.key] ?? ''),
  };
}

/** The target of a request: path and query, encoded. */
export function targetOf({ operation, path, query }: Asked): string {
  return operation.path.replace(/\{(\w+)\}/g, (_, name: string) => percentEncode(path[name] ?? '')) + query;
}

/** The body of a request as the operation wants it, a form or JSON; undefined: no body. */
export function encodeBody({ operation, body }: Asked): EncodedBody | undefined {
  if (body === undefined) return undefined;
  if (operation.body?.kind !== 'form') return { text: JSON.stringify(body), contentType: 'application/json' };
  const text = new URLSearchParams(body as Record<string, string>).toString();
  return { text, contentType: 'application/x-www-form-urlencoded' };
}

/** Asks the sandbox, by a client for it. */
export const askWith =
  (call: ReturnType<typeof client>) =>
  (asked: Asked): Promise<Reply> => {
    const body = encodeBody(asked);
    return call(`${asked.operation.method} ${targetOf(asked)}`, {
      ...(asked.key === undefined ? {} : { key: asked.key }),
      ...(body === undefined ? {} : { rawBody: body.text, contentType: body.contentType }),
    });
  };

/** Where the key comes from of an operation that takes another than the account's. */
const keyOf = (path: string) => Object.entries(KEYS).find(([prefix]) => path.startsWith(prefix))?.[1];

function bodyOf({ id, body }: KnownOperation, values: Readonly<Values>): unknown {
  if (body === undefined) return undefined;
  const wanted = body.fields.filter(({ required }) => required !== false);
  const extra = Object.entries(EXTRA_FIELDS[id] ?? {});
  const object = {
    ...Object.fromEntries(wanted.map((field) => [field.name, sampleOf(field)])),
    ...Object.fromEntries(
      extra.map(([name, value]) => [name, typeof value === 'function' ? value(values) : value]),
    ),
  };
  return body.kind === 'array' ? [object] : object;
}

function sampleOf({ name, type }: KnownField): unknown {
  if (Object.hasOwn(SAMPLES, name)) return SAMPLES[name];
  if (type.startsWith('array')) return [];
  return { string: 'sample', integer: 1, number: 1, boolean: true, object: {} }[type];
}

function valueAt(json: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((held, key) => (held as Record<string, unknown> | undefined)?.[key], json);
}

/** Encodes every byte but the unreserved characters of RFC 3986, section 2.3. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

import { existsSync, readFileSync } from 'node:fs';
import {
  BEFORE,
  EXTRA_FIELDS,
  PARENTS,
  QUERIES,
  SAMPLES,
  type Step,
} from '../../sandbox/operation-samples.ts';
import { type Declared, rpc } from './declared.ts';
import { percentEncode } from './write-http.ts';

/** What is known about Vultr's operations, gathered outside of this repository. */
const FACTS = new URL('../../../../shared/vultr-v2-operations.json', import.meta.url);

interface KnownField {
  readonly name: string;
  readonly type: string;
  readonly required?: boolean;
  readonly required_inferred?: boolean;
}

/** An operation of Vultr as it is known, with the rpc that does it. */
export interface KnownOperation {
  /** Such as `create-ssh-key`. */
  readonly id: string;
  readonly body: { readonly fields: readonly KnownField[]; readonly array?: boolean } | null;
  readonly success: readonly number[];
  readonly response_keys: readonly string[];
  readonly rpc: Declared;
}

/** Every known operation; none when the facts are not at hand. */
export const operations: readonly KnownOperation[] = existsSync(FACTS)
  ? (JSON.parse(readFileSync(FACTS, 'utf8')).operations as KnownOperation[]).map((known) => ({
      ...known,
      rpc: rpc(known.id.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())),
    }))
  : [];

/** A request of an operation, as values rather than bytes. */
export interface Asked {
  readonly operation: KnownOperation;
  /** The variables of the path. */
  readonly path: Readonly<Record<string, string>>;
  /** Encoded, with its question mark; empty: none. */
  readonly query: string;
  /** Undefined: no body. */
  readonly body: unknown;
}

/** Asks for an operation by some way, and gives the JSON of the answer; undefined where it is no JSON. */
export type Ask<Answer extends { readonly json: unknown }> = (asked: Asked) => Promise<Answer>;

/** The target of a request: path and query, encoded. */
export function targetOf({ operation, path, query }: Asked): string {
  return (
    operation.rpc.path.replace(/\{(\w+)\}/g, (_, name: string) => percentEncode(path[name] ?? '')) + query
  );
}

/**
 * Asks for an operation after everything was made that it needs, by the same way.
 * @param values variables of the path that are to be these, whatever was made
 */
export async function walk<Answer extends { readonly json: unknown }>(
  operation: KnownOperation,
  ask: Ask<Answer>,
  values: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const made: Record<string, string> = { instance_id: String(PARENTS['instance_id']) };
  for (const name of operation.rpc.pathFields) await makeParent(operation.rpc.path, name, made, ask);
  for (const [id, keep] of BEFORE[operation.id] ?? []) await step(id, keep ?? {}, made, ask);
  return ask(askedFor(operation, { ...made, ...values }));
}

/** Makes what a variable of a path stands for. */
async function makeParent<Answer extends { readonly json: unknown }>(
  path: string,
  name: string,
  made: Record<string, string>,
  ask: Ask<Answer>,
): Promise<void> {
  const upTo = path.slice(0, path.indexOf(`{${name}}`));
  const parent: string | Step | undefined = PARENTS[`${upTo}{${name}}`] ?? PARENTS[name];
  if (parent === undefined) throw new Error(`Nothing says where ${name} of ${path} comes from.`);
  if (typeof parent === 'string') made[name] = parent;
  else await step(parent[0], { [name]: parent[1] }, made, ask);
}

/** Carries out a step that others need, and keeps values of its answer. */
async function step<Answer extends { readonly json: unknown }>(
  id: string,
  keep: Readonly<Record<string, string>>,
  made: Record<string, string>,
  ask: Ask<Answer>,
): Promise<void> {
  const operation = operations.find((known) => known.id === id);
  if (operation === undefined) throw new Error(`There is no operation ${id}.`);
  for (const [before, kept] of BEFORE[id] ?? []) await step(before, kept ?? {}, made, ask);
  const { json } = await ask(askedFor(operation, made));
  for (const [name, at] of Object.entries(keep)) {
    const value = at
      .split('.')
      .reduce<unknown>((held, key) => (held as Record<string, unknown>)?.[key], json);
    if (value === undefined) throw new Error(`The answer of ${id} has no ${at}: ${JSON.stringify(json)}`);
    made[name] = String(value);
  }
}

function askedFor(operation: KnownOperation, values: Readonly<Record<string, string>>): Asked {
  return { operation, path: values, query: QUERIES[operation.id] ?? '', body: bodyOf(operation, values) };
}

function bodyOf({ id, body }: KnownOperation, values: Readonly<Record<string, string>>): unknown {
  if (body === null) return undefined;
  const wanted = body.fields.filter(({ required, required_inferred: inferred }) => required || inferred);
  const object = {
    ...Object.fromEntries(wanted.map((field) => [field.name, sampleOf(field)])),
    ...Object.fromEntries(
      Object.entries(EXTRA_FIELDS[id] ?? {}).map(([name, value]) => [
        name,
        typeof value === 'function' ? value(values) : value,
      ]),
    ),
  };
  return body.array === true ? [object] : object;
}

function sampleOf({ name, type }: KnownField): unknown {
  if (Object.hasOwn(SAMPLES, name)) return SAMPLES[name];
  if (type.startsWith('array')) return [];
  return { string: 'sample', integer: 1, number: 1, boolean: true, object: {} }[type];
}

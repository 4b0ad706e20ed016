import { existsSync, readFileSync } from 'node:fs';
import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { commentOf } from '../support/v2/comments.ts';
import { type Declared, declared, isRequired, vultrName } from '../support/v2/declared.ts';

/** What is known about Vultr's operations, gathered outside of this repository. */
const FACTS = new URL('../../../shared/vultr-v2-operations.json', import.meta.url);

interface KnownField {
  readonly name: string;
  readonly type: string;
  readonly required?: boolean;
  /** No source says so, clients behave so. The contract then leaves it to Vultr to refuse. */
  readonly required_inferred?: boolean;
  readonly deprecated?: boolean;
  readonly free_form?: boolean;
  readonly value_type?: string;
  /** A source disagrees about the type. */
  readonly alt_type?: string;
  readonly fields?: readonly KnownField[];
}

interface KnownOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly path_params: readonly string[];
  readonly query: readonly KnownField[];
  readonly body: { readonly array?: boolean; readonly fields: readonly KnownField[] } | null;
  readonly success: readonly number[];
  readonly success_inferred?: boolean;
  readonly response_keys: readonly string[];
  readonly auth: boolean;
  readonly deprecated: boolean;
}

/** Where the contract differs from the facts on purpose. One that does not apply any more fails the test. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['POST /v2/storage-gateways body.export_config', 'a list of objects or one object: the sources differ'],
  ['POST /v2/storage-gateways body.network_config', 'a list of objects or one object: the sources differ'],
]);

const SCALARS: ReadonlyMap<ScalarType, string> = new Map([
  [ScalarType.STRING, 'string'],
  [ScalarType.INT64, 'integer'],
  [ScalarType.BOOL, 'boolean'],
  [ScalarType.DOUBLE, 'number'],
]);

/** Facts about one operation as lines, so that both sides can be compared and a difference is readable. */
type Lines = readonly string[];

describe.skipIf(!existsSync(FACTS))(
  'the contract and the facts about Vultr (skipped when they are not at hand)',
  () => {
    const { operations } = existsSync(FACTS)
      ? (JSON.parse(readFileSync(FACTS, 'utf8')) as { operations: readonly KnownOperation[] })
      : { operations: [] };
    const known = new Map(
      operations.map((operation) => [`${operation.method} ${operation.path}`, operation]),
    );
    const used = new Set<string>();

    test('have the same 472 operations', () => {
      const routes = declared.map(({ httpMethod, path }) => `${httpMethod} ${path}`);
      expect(new Set(routes).size).toBe(routes.length);
      expect(routes.toSorted()).toEqual([...known.keys()].toSorted());
      expect(routes).toHaveLength(472);
    });

    test('agree on every path, query and body field: name, type, nesting, required, deprecated', () => {
      for (const operation of declared) {
        const route = `${operation.httpMethod} ${operation.path}`;
        const fact = known.get(route);
        if (fact === undefined) throw new Error(`${route} is not known.`);
        expect(linesOfContract(operation).toSorted(), operation.name).toEqual(
          linesOfFacts(fact, route, used).toSorted(),
        );
      }
      expect([...used].toSorted(), 'exceptions that apply').toEqual([...EXCEPTIONS.keys()].toSorted());
    });

    test('agree on the success code and the keys of the answer, which the comment of each rpc names', () => {
      const missing: string[] = [];
      for (const operation of declared) {
        const fact = known.get(`${operation.httpMethod} ${operation.path}`);
        const comment = commentOf(operation.method).replace(/\s+/g, ' ');
        if (fact !== undefined && !fact.success.includes(operation.successCode))
          missing.push(`${operation.name}: ${fact.success} but the comment has ${operation.successCode}`);
        for (const key of fact?.response_keys ?? []) {
          if (!new RegExp(`\\b${key}\\b`).test(comment)) missing.push(`${operation.name}: ${key}`);
        }
      }
      expect(missing).toEqual([]);
    });
  },
);

function linesOfContract({ httpMethod, path, input, pathFields, body, isPublic, method }: Declared): Lines {
  const lines = [`${httpMethod} ${path}`];
  if (isPublic) lines.push('public');
  if (method.deprecated) lines.push('deprecated');
  for (const field of input.fields) {
    if (field.name === 'additional_fields') continue;
    if (pathFields.includes(field.name)) lines.push(`path ${field.name}`);
    else if (body === '') lines.push(...linesOfField('query', field));
    else if (body === '*') lines.push(...linesOfField('body', field));
    else if (body === field.name && field.message !== undefined)
      lines.push('body is an array', ...field.message.fields.flatMap((part) => linesOfField('body', part)));
    else throw new Error(`${field} travels nowhere.`);
  }
  return lines;
}

function linesOfField(prefix: string, field: DescField): Lines {
  if (field.name === 'additional_fields') return [];
  const name = `${prefix}.${vultrName(field)}`;
  const line = `${name}: ${typeOf(field)}${isRequired(field) ? ' required' : ''}${field.deprecated ? ' deprecated' : ''}`;
  const isNested = field.message !== undefined && !field.message.typeName.startsWith('google.');
  return [line, ...(isNested ? field.message.fields.flatMap((part) => linesOfField(name, part)) : [])];
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case 'scalar':
      return SCALARS.get(field.scalar) ?? String(field);
    case 'list':
      if (field.listKind === 'scalar') return `array<${SCALARS.get(field.scalar)}>`;
      return field.message?.typeName === 'google.protobuf.Value' ? 'array<any>' : 'array<object>';
    case 'map':
      return field.mapKind === 'scalar' && field.scalar === ScalarType.STRING ? 'map<string>' : String(field);
    case 'message':
      if (field.message.typeName === 'google.protobuf.Struct') return 'map<any>';
      return field.message.typeName === 'google.protobuf.Value' ? 'any' : 'object';
    default:
      return String(field);
  }
}

function linesOfFacts(operation: KnownOperation, route: string, used: Set<string>): Lines {
  const { path_params, query, body } = operation;
  return [
    route,
    ...(operation.auth ? [] : ['public']),
    ...(operation.deprecated ? ['deprecated'] : []),
    ...path_params.map((name) => `path ${name}`),
    ...query.flatMap((field) => linesOfFact('query', field, route, used)),
    ...(body?.array === true ? ['body is an array'] : []),
    ...(body?.fields ?? []).flatMap((field) => linesOfFact('body', field, route, used)),
  ];
}

function linesOfFact(prefix: string, field: KnownField, route: string, used: Set<string>): Lines {
  const name = `${prefix}.${field.name}`;
  const isException = EXCEPTIONS.has(`${route} ${name}`) && field.alt_type === undefined;
  if (isException) used.add(`${route} ${name}`);
  const type = isException ? 'any' : typeOfFact(field);
  const line = `${name}: ${type}${field.required === true && field.required_inferred !== true ? ' required' : ''}${field.deprecated === true ? ' deprecated' : ''}`;
  const isNested = type === 'object' || type === 'array<object>';
  return [
    line,
    ...(isNested ? (field.fields ?? []).flatMap((part) => linesOfFact(name, part, route, used)) : []),
  ];
}

function typeOfFact({ type, alt_type, free_form, value_type }: KnownField): string {
  if (alt_type !== undefined)
    return type.startsWith('array') && alt_type.startsWith('array') ? 'array<any>' : 'any';
  return free_form === true ? `map<${value_type}>` : type;
}

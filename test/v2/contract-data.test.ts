import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type KnownField, type KnownOperation, readOperations } from '../facts/operations.ts';
import { commentOf } from '../support/v2/comments.ts';
import { type Declared, declared, isRequired, vultrName } from '../support/v2/declared.ts';

/** Where the contract differs from the facts on purpose. One that does not apply any more fails the test. */
const EXCEPTIONS: ReadonlyMap<string, { readonly type: string; readonly why: string }> = new Map([
  [
    'POST /v2/account/bgp/setup body.prefixes',
    { type: 'any', why: 'a list that is required but may be empty' },
  ],
  [
    'POST /v2/storage-gateways body.export_config',
    { type: 'any', why: 'a list of objects or one object: the sources differ' },
  ],
  [
    'POST /v2/storage-gateways body.network_config',
    { type: 'any', why: 'a list of objects or one object: the sources differ' },
  ],
  [
    'POST /v2/vpcs/{vpc_id}/nat-gateway/{nat_gateway_id}/global/firewall-rules body.subnet_size',
    { type: 'integer', why: 'one source has a text; another type would break callers' },
  ],
]);

const SCALARS: ReadonlyMap<ScalarType, string> = new Map([
  [ScalarType.STRING, 'string'],
  [ScalarType.INT64, 'integer'],
  [ScalarType.BOOL, 'boolean'],
  [ScalarType.DOUBLE, 'number'],
]);

/** Facts about one operation as lines, so that both sides can be compared and a difference is readable. */
type Lines = readonly string[];

describe("the contract and the facts about Vultr's operations", () => {
  const operations = readOperations();
  const known = new Map(operations.map((operation) => [`${operation.method} ${operation.path}`, operation]));
  const used = new Set<string>();

  test('have the same 569 operations', () => {
    const routes = declared.map(({ httpMethod, path }) => `${httpMethod} ${path}`);
    expect(new Set(routes).size).toBe(routes.length);
    expect(routes.toSorted()).toEqual([...known.keys()].toSorted());
    expect(routes).toHaveLength(569);
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

  test('agree on the success code and the keys of the response, which the comment of each rpc names', () => {
    const missing: string[] = [];
    for (const operation of declared) {
      const fact = known.get(`${operation.httpMethod} ${operation.path}`);
      const comment = commentOf(operation.method).replace(/\s+/g, ' ');
      if (fact !== undefined && !fact.success.includes(operation.successCode))
        missing.push(`${operation.name}: ${fact.success} but the comment has ${operation.successCode}`);
      for (const key of fact?.responseKeys ?? []) {
        if (!new RegExp(`\\b${key}\\b`).test(comment)) missing.push(`${operation.name}: ${key}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

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
  const { pathParameters, query, body } = operation;
  return [
    route,
    ...(operation.isPublic ? ['public'] : []),
    ...(operation.isDeprecated ? ['deprecated'] : []),
    ...pathParameters.map((name) => `path ${name}`),
    ...query.flatMap((field) => linesOfFact('query', field, route, used)),
    ...(body?.kind === 'array' ? ['body is an array'] : []),
    ...(body?.fields ?? []).flatMap((field) => linesOfFact('body', field, route, used)),
  ];
}

function linesOfFact(prefix: string, field: KnownField, route: string, used: Set<string>): Lines {
  const name = `${prefix}.${field.name}`;
  const exception = EXCEPTIONS.get(`${route} ${name}`)?.type;
  const type = exception ?? typeOfFact(field);
  if (exception !== undefined && exception !== typeOfFact(field)) used.add(`${route} ${name}`);
  const line = `${name}: ${type}${field.required === true ? ' required' : ''}${field.isDeprecated ? ' deprecated' : ''}`;
  const isNested = type === 'object' || type === 'array<object>';
  return [line, ...(isNested ? field.fields.flatMap((part) => linesOfFact(name, part, route, used)) : [])];
}

function typeOfFact({ type, otherType }: KnownField): string {
  if (otherType === undefined) return type;
  return type.startsWith('array') && otherType.startsWith('array') ? 'array<any>' : 'any';
}

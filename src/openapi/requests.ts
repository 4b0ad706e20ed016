import type { DescField, Registry } from '@bufbuild/protobuf';
import type { Operation } from '../contract/operation.ts';
import { isRequired } from '../contract/validate.ts';
import type { HttpBinding } from '../transcoding/binding.ts';
import { ADDITIONAL_FIELDS, fieldNames, wireName } from '../transcoding/field-names.ts';
import { jsonForm } from '../transcoding/well-known.ts';
import type { ReadComment } from './comments.ts';
import { bodyExample, EXAMPLE_ID, exampleOf, givenExample } from './examples.ts';
import type { SchemaWriter } from './schemas.ts';
import type { Parameter, Reference, RequestBody, Schema } from './types.ts';

/** What the parts of a request are written from. */
export interface RequestContext {
  readonly registry: Registry;
  readonly schemas: SchemaWriter;
  readonly readComment: ReadComment;
}

/** The parameters that operations share, by name. */
export const SHARED_PARAMETERS: Readonly<Record<string, Parameter>> = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'A UUID of your choice that names this creation, so that it can be repeated safely: for one day, the same key with the ' +
      'same request creates nothing twice.',
    schema: { type: 'string', format: 'uuid' },
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description:
      '`wait=600` has the response come when what is created is ready, or after so many seconds (RFC 7240). When it is ready, ' +
      'the response has the header Preference-Applied. When time is up, it is that of the creation, with the status 202 and the ' +
      'header Retry-After: repeat the request with the same Idempotency-Key to go on waiting.',
    schema: { type: 'string' },
    example: 'wait=600',
  },
};

/** The path of a rule in the notation of OpenAPI, which has no patterns inside of the braces. */
export function openApiPath({ template }: HttpBinding): string {
  return template.source.replace(/\{([\w.]+)=[^}]*\}/g, '{$1}');
}

const FOR_CREATIONS: readonly Reference[] = [
  { $ref: '#/components/parameters/IdempotencyKey' },
  { $ref: '#/components/parameters/Prefer' },
];

/** The parameters of an operation in path, query and headers. */
export function parametersOf(
  operation: Operation,
  binding: HttpBinding,
  context: RequestContext,
): readonly (Parameter | Reference)[] {
  const given = (givenExample(context.readComment(operation.input)) ?? {}) as Readonly<
    Record<string, unknown>
  >;
  return [
    ...binding.variables.map((path) => pathParameter(path, context)),
    ...queryFields(operation, binding).flatMap((field) => queryParameters(field, '', given, context)),
    ...(operation.effect === 'CREATE' ? FOR_CREATIONS : []),
  ];
}

function pathParameter(path: readonly DescField[], { schemas, readComment }: RequestContext): Parameter {
  const field = path.at(-1);
  if (field === undefined) throw new Error('A variable of a path binds no field.');
  const comment = readComment(field);
  const schema = plain(schemas.field(field));
  return {
    name: path.map(({ name }) => name).join('.'),
    in: 'path',
    description: comment,
    required: true,
    // An empty segment is another path.
    schema: schema.type === 'string' ? { ...schema, ...({ minLength: 1 } as object) } : schema,
    example: exampleOf(field, comment) ?? (schema.type === 'string' ? EXAMPLE_ID : 1),
  };
}

/** The fields that path and body leave to the query. */
function queryFields({ input }: Operation, { body, variables }: HttpBinding): readonly DescField[] {
  if (body === 'message') return [];
  const elsewhere = new Set(variables.map(([field]) => field.name));
  if (body !== 'none') elsewhere.add(body.name);
  return fieldNames(input).ordered.filter(({ name }) => !elsewhere.has(name) && name !== ADDITIONAL_FIELDS);
}

function queryParameters(
  field: DescField,
  prefix: string,
  given: Readonly<Record<string, unknown>>,
  context: RequestContext,
): Parameter[] {
  const name = prefix + wireName(field);
  if (field.fieldKind === 'message' && jsonForm(field.message) === 'fields') {
    return fieldNames(field.message).ordered.flatMap((nested) =>
      queryParameters(nested, `${name}.`, given, context),
    );
  }
  const comment = context.readComment(field);
  const example = given[name] ?? exampleOf(field, comment);
  return [
    {
      name,
      in: 'query',
      description: comment,
      ...(isRequired(field, context.registry) && { required: true }),
      ...(field.proto.options?.deprecated === true && { deprecated: true }),
      schema: plain(context.schemas.field(field)),
      ...(example !== undefined && { example }),
    },
  ];
}

/** A schema without what the parameter says itself. */
function plain({ description: _, deprecated: __, examples: ___, ...schema }: Schema): Schema {
  return schema;
}

/** The body of an operation; undefined when it has none. */
export function requestBodyOf(
  operation: Operation,
  binding: HttpBinding,
  { registry, schemas, readComment }: RequestContext,
): RequestBody | undefined {
  const { body, variables } = binding;
  if (body === 'none') return undefined;
  const isNeeded = (field: DescField): boolean => isRequired(field, registry);
  if (body !== 'message') {
    const example =
      givenExample(readComment(operation.input)) ??
      bodyExample('', [body], readComment, isNeeded)?.[wireName(body)];
    const media = { schema: schemas.field(body), ...(example !== undefined && { example }) };
    return { required: isNeeded(body), content: { 'application/json': media } };
  }
  const inPath = new Set(variables.map(([field]) => field.name));
  const own = fieldNames(operation.input).ordered.filter(
    ({ name }) => !inPath.has(name) && name !== ADDITIONAL_FIELDS,
  );
  const example = bodyExample(readComment(operation.input), own, readComment, isNeeded);
  const type = operation.isForm ? 'application/x-www-form-urlencoded' : 'application/json';
  return {
    ...(own.some(isNeeded) && { required: true }),
    content: {
      [type]: { schema: schemas.message(operation.input, inPath), ...(example !== undefined && { example }) },
    },
  };
}

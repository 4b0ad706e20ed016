import type { Operation } from '../contract/operation.ts';
import type { ReadComment } from './comments.ts';
import { type DocumentedReply, quotedNames, readDocumentedReply } from './documented-reply.ts';
import { type SchemaWriter, schemaName } from './schemas.ts';
import type { MediaType, Response, Schema } from './types.ts';

/** What an operation replies with when it succeeds, and what is left of its comment. */
export interface Success {
  readonly responses: Readonly<Record<string, Response>>;
  readonly description: string;
}

const STRUCT_URL = 'type.googleapis.com/google.protobuf.Struct';

const REQUEST_ID = {
  'x-request-id': {
    description: 'Names the call in the log of this service.',
    schema: { type: 'string' },
  },
} as const;

const PREFERENCE_APPLIED = {
  'preference-applied': {
    description: '`wait=600`, as it was preferred, when what was created is ready.',
    schema: { type: 'string' },
  },
} as const;

/** The headers of every success of an operation. */
function headersOf({ effect }: Operation): NonNullable<Response['headers']> {
  return effect === 'CREATE' ? { ...REQUEST_ID, ...PREFERENCE_APPLIED } : REQUEST_ID;
}

/** The success of an operation whose response message holds an Any with a Struct. */
export function envelopeSuccess(
  operation: Operation,
  schemas: SchemaWriter,
  readComment: ReadComment,
): Success {
  const { output } = operation.descriptor;
  const [data] = output.fields;
  const about = data === undefined ? '' : readComment(data);
  const keys = quotedNames(about);
  // A dry run replies with something else.
  const isCertain = !operation.input.fields.some(({ name }) => name === 'dry_run');
  const isPage = keys.includes('meta');
  const value = objectSchema(
    keys,
    new Set(isPage ? keys.filter((key) => key !== 'meta') : []),
    isCertain,
    isPage ? { meta: cloudMeta(schemas) } : {},
  );
  const isStream = operation.kind === 'server_streaming';
  const envelope: Schema = {
    type: 'object',
    description: readComment(output),
    properties: {
      data: {
        type: 'object',
        description: about,
        properties: { '@type': { type: 'string', const: STRUCT_URL }, value },
        required: ['@type', 'value'],
      },
    },
    required: ['data'],
  };
  return {
    responses: {
      200: {
        description: isStream ? 'Each message, as it becomes known.' : about,
        headers: headersOf(operation),
        content: isStream
          ? streamContent(envelope, keys)
          : { 'application/json': { schema: schemas.named(schemaName(output), envelope) } },
      },
    },
    description: readComment(operation.descriptor),
  };
}

/** OpenAPI 3.1 has no schema for the parts of a stream: the whole is text, and an extension refers to the part's schema. */
function streamContent(item: Schema, keys: readonly string[]): Readonly<Record<string, MediaType>> {
  const value = Object.fromEntries(keys.map((key) => [key, {}]));
  const message = JSON.stringify({ data: { '@type': STRUCT_URL, value } });
  const text = (description: string): Schema => ({
    type: 'string',
    description,
    ...({ 'x-item-schema': item } as object),
  });
  return {
    'application/x-ndjson': {
      schema: text(
        'One JSON object a line. A stream that fails ends with a line `{"error": ...}` that holds a Status.',
      ),
      example: `${message}\n`,
    },
    'text/event-stream': {
      schema: text(
        'Server-sent events, when Accept asks for them: `data` is one JSON object. A stream that ends well closes with ' +
          '`event: end`, one that fails with `event: error`, whose data is a Status.',
      ),
      example: `data: ${message}\n\nevent: end\ndata: {}\n\n`,
    },
  };
}

/**
 * The success of one of Vultr's own operations: its response as it comes.
 * @throws Error when the comment does not say what Vultr responds with
 */
export function vultrSuccess(operation: Operation, schemas: SchemaWriter, readComment: ReadComment): Success {
  const isList = operation.rpc.startsWith('List');
  const documented = readDocumentedReply(readComment(operation.descriptor), isList);
  if (documented === undefined)
    throw new Error(`The comment of ${operation.name} does not say what it returns.`);
  const { reply, rest } = documented;
  const isScim = operation.service.endsWith('ScimService');
  const content = vultrContent(reply, isScim ? {} : { meta: vultrMeta(schemas) });
  return {
    responses: Object.fromEntries(
      reply.statuses.map((status): [string, Response] => [
        String(status),
        {
          description: reply.text,
          headers: {
            ...headersOf(operation),
            ...(status >= 300 && {
              Location: { description: 'Where to go on.', schema: { type: 'string' } },
            }),
          },
          ...(content !== undefined && { content }),
        },
      ]),
    ),
    description: rest,
  };
}

function vultrContent(
  { content, keys, lists, isCertain }: DocumentedReply,
  known: Readonly<Record<string, Schema>>,
): Readonly<Record<string, MediaType>> | undefined {
  switch (content) {
    case 'none':
      return undefined;
    case 'yaml':
      return { 'application/yaml': { schema: { anyOf: [{ type: 'object' }, { type: 'string' }] } } };
    case 'csv':
      return { 'text/csv': { schema: { type: 'string' } } };
    case 'xml':
      return { 'text/xml': { schema: { type: 'string' } } };
    case 'array':
      return { 'application/json': { schema: { type: 'array', items: {} } } };
    case 'any':
      return { 'application/json': { schema: {} } };
    case 'object':
      return { 'application/json': { schema: objectSchema(keys, lists, isCertain, known) } };
  }
}

function objectSchema(
  keys: readonly string[],
  lists: ReadonlySet<string>,
  isCertain: boolean,
  known: Readonly<Record<string, Schema>>,
): Schema {
  const properties = Object.fromEntries(
    keys.map((key): [string, Schema] => [
      key,
      lists.has(key) ? { type: 'array', items: {} } : (known[key] ?? {}),
    ]),
  );
  return {
    type: 'object',
    ...(keys.length > 0 && { properties }),
    ...(keys.length > 0 && isCertain && { required: keys }),
    additionalProperties: true,
  };
}

function vultrMeta(schemas: SchemaWriter): Schema {
  return schemas.named('Meta', metaSchema('links'));
}

function cloudMeta(schemas: SchemaWriter): Schema {
  return schemas.named('CloudMeta', metaSchema('Links'));
}

function metaSchema(links: 'links' | 'Links'): Schema {
  const cursor = { type: 'string', description: 'A cursor, or "" where there is no such page.' } as const;
  return {
    type: 'object',
    description: 'The position of this page in its list.',
    properties: {
      total: { type: 'integer', description: 'The number of elements on all pages.' },
      [links]: { type: 'object', properties: { next: cursor, prev: cursor } },
    },
    additionalProperties: true,
  };
}

import { type DescField, type DescMessage, type Registry, ScalarType } from '@bufbuild/protobuf';
import { isRequired } from '../contract/validate.ts';
import { ADDITIONAL_FIELDS, fieldNames, wireName } from '../transcoding/field-names.ts';
import { optionOf } from '../transcoding/option.ts';
import { jsonForm } from '../transcoding/well-known.ts';
import type { ReadComment } from './comments.ts';
import { exampleOf } from './examples.ts';
import type { Schema } from './types.ts';

/** Writes the types of the contract as JSON schemas, and collects those that have a name. */
export interface SchemaWriter {
  /** The schema of one field, with its comment. */
  field(field: DescField): Schema;
  /**
   * A reference to the schema of a message, which is added to the named ones.
   * @param without fields that stand elsewhere, such as in the path
   */
  message(message: DescMessage, without?: ReadonlySet<string>): Schema;
  /** Adds a schema under a name of its own, and refers to it. */
  named(name: string, schema: Schema): Schema;
  /** Everything that has been added, by name. */
  readonly components: ReadonlyMap<string, Schema>;
}

/** google.api.FieldInfo.Format, by number, as the formats of JSON Schema. */
const FORMATS: readonly (string | undefined)[] = [undefined, 'uuid', 'ipv4', 'ipv6', undefined];

/** Creates the writer. A schema that is written twice is kept once. */
export function createSchemaWriter(registry: Registry, readComment: ReadComment): SchemaWriter {
  return new RegistryWriter(registry, readComment);
}

class RegistryWriter implements SchemaWriter {
  readonly #registry: Registry;
  readonly #readComment: ReadComment;
  readonly components = new Map<string, Schema>();

  constructor(registry: Registry, readComment: ReadComment) {
    this.#registry = registry;
    this.#readComment = readComment;
  }

  named(name: string, schema: Schema): Schema {
    const before = this.components.get(name);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(schema))
      throw new Error(`Two schemas have the name ${name}.`);
    this.components.set(name, schema);
    return { $ref: `#/components/schemas/${name}` };
  }

  message(type: DescMessage, without: ReadonlySet<string> = new Set()): Schema {
    const fields = fieldNames(type).ordered.filter(
      ({ name }) => name !== ADDITIONAL_FIELDS && !without.has(name),
    );
    const required = fields.filter((field) => isRequired(field, this.#registry)).map(wireName);
    return this.named(schemaName(type), {
      type: 'object',
      ...described(this.#readComment(type)),
      properties: Object.fromEntries(fields.map((each) => [wireName(each), this.field(each)])),
      ...(required.length > 0 && { required }),
      ...(fieldNames(type).additional !== undefined && { additionalProperties: true }),
    });
  }

  field(each: DescField): Schema {
    const comment = this.#readComment(each);
    const example = exampleOf(each, comment);
    const schema = this.#withoutComment(each);
    return {
      ...schema,
      ...described(comment),
      ...(each.proto.options?.deprecated === true && { deprecated: true }),
      ...(example !== undefined && schema.$ref === undefined && { examples: [example] }),
    };
  }

  #withoutComment(each: DescField): Schema {
    switch (each.fieldKind) {
      case 'list':
        return { type: 'array', items: this.#element(each) };
      case 'map':
        return { type: 'object', additionalProperties: this.#element(each) };
      default:
        return this.#element(each);
    }
  }

  #element(each: DescField): Schema {
    if (each.enum !== undefined) return { type: 'string', enum: each.enum.values.map(({ name }) => name) };
    if (each.message === undefined) return scalarSchema(each, formatOf(each, this.#registry));
    return jsonForm(each.message) === 'fields' ? this.message(each.message) : wellKnownSchema(each.message);
  }
}

/** The schema of a message that has a JSON form of its own. */
function wellKnownSchema(type: DescMessage): Schema {
  switch (jsonForm(type)) {
    case 'struct':
    case 'any':
      return { type: 'object', additionalProperties: true };
    case 'list':
      return { type: 'array', items: {} };
    case 'text':
      return { type: 'string' };
    default:
      return {};
  }
}

function described(comment: string): { description?: string } {
  return comment === '' ? {} : { description: comment };
}

function scalarSchema({ scalar }: DescField, format: string | undefined): Schema {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: 'string', ...(format !== undefined && { format }) };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number', format: scalar === ScalarType.FLOAT ? 'float' : 'double' };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', format: 'int32' };
    default:
      return { type: 'integer', format: 'int64' };
  }
}

/** google.api.field_info.format */
function formatOf(field: DescField, registry: Registry): string | undefined {
  const info = optionOf(field, 'google.api.field_info', registry) as { readonly format: number } | undefined;
  return info === undefined ? undefined : FORMATS[info.format];
}

/**
 * The name of a message among the schemas: the messages of Vultr's own API have their names, all others that of their
 * package's resource in front, such as `CloudCreateInstanceRequest`.
 */
export function schemaName(type: DescMessage): string {
  const { package: pkg } = type.file.proto;
  const local = type.typeName.slice(pkg.length + 1).replaceAll('.', '');
  const [, area = ''] = pkg.split('.');
  return /^v\d+$/.test(area) ? local : `${area.charAt(0).toUpperCase()}${area.slice(1)}${local}`;
}

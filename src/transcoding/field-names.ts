import type { DescField, DescMessage } from '@bufbuild/protobuf';

/** The name of the field that carries what a message of vultr.v2 does not model. */
export const ADDITIONAL_FIELDS = 'additional_fields';

/** The fields of a message, looked up by the names that callers may use. */
export interface FieldNames {
  /** By proto name and by JSON name, as proto3 JSON asks. */
  readonly byName: ReadonlyMap<string, DescField>;
  /** By the names of Vultr's JSON. */
  readonly byWireName: ReadonlyMap<string, DescField>;
  /** The length of the longest name in `byName`. */
  readonly longestName: number;
  /** In the order of their numbers. */
  readonly ordered: readonly DescField[];
  /** The field `additional_fields` of type google.protobuf.Struct, when the message has it. */
  readonly additional: DescField | undefined;
}

const cache = new WeakMap<DescMessage, FieldNames>();

/** The field names of a message, compiled once for each descriptor. */
export function fieldNames(message: DescMessage): FieldNames {
  let names = cache.get(message);
  if (names === undefined) {
    names = compile(message);
    cache.set(message, names);
  }
  return names;
}

function compile(message: DescMessage): FieldNames {
  const byName = new Map<string, DescField>();
  for (const field of message.fields) byName.set(field.jsonName, field);
  // A proto name wins over the JSON name of another field: http.proto speaks of proto names.
  for (const field of message.fields) byName.set(field.name, field);
  const ordered = [...message.fields].sort((a, b) => a.number - b.number);
  const additional = message.fields.find(
    (field) => field.name === ADDITIONAL_FIELDS && field.message?.typeName === 'google.protobuf.Struct',
  );
  const byWireName = new Map(ordered.map((field) => [wireName(field), field]));
  const longestName = Math.max(0, ...Array.from(byName.keys(), (name) => name.length));
  return { byName, byWireName, longestName, ordered, additional };
}

/**
 * The name of a field in Vultr's JSON and query strings: its json_name where the proto sets one, else its proto name.
 * Compilers always fill in json_name, so the default lowerCamelCase form counts as not set.
 */
export function wireName(field: DescField): string {
  let name = wireNames.get(field);
  if (name === undefined) {
    name = field.jsonName === lowerCamelCase(field.name) ? field.name : field.jsonName;
    wireNames.set(field, name);
  }
  return name;
}

const wireNames = new WeakMap<DescField, string>();

/** The default json_name of a field name, as protoc makes it. */
function lowerCamelCase(name: string): string {
  return name.replace(/_+([^_]?)/g, (_, next: string) => next.toUpperCase());
}

import {
  create,
  createRegistry,
  type DescFile,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Registry,
  toJson,
} from '@bufbuild/protobuf';
import { reflect, type ScalarValue } from '@bufbuild/protobuf/reflect';
import { createMessage, type FieldValue, type Message } from './message.ts';

/** How a message type is written in proto3 JSON. */
export type JsonForm =
  /** An object of its fields. */
  | 'fields'
  /** The JSON that it means: google.protobuf.Struct, Value and ListValue. */
  | 'struct'
  | 'value'
  | 'list'
  /** The scalar that it wraps: google.protobuf.StringValue and the like. */
  | 'wrapper'
  /** A string of its own: Timestamp, Duration, FieldMask. */
  | 'text'
  /** google.protobuf.Any. */
  | 'any';

const FORMS: ReadonlyMap<string, JsonForm> = new Map<string, JsonForm>([
  ['google.protobuf.Struct', 'struct'],
  ['google.protobuf.Value', 'value'],
  ['google.protobuf.ListValue', 'list'],
  ['google.protobuf.Timestamp', 'text'],
  ['google.protobuf.Duration', 'text'],
  ['google.protobuf.FieldMask', 'text'],
  ['google.protobuf.Any', 'any'],
  ...['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map(
    (name): [string, JsonForm] => [`google.protobuf.${name}Value`, 'wrapper'],
  ),
]);

/** How a message type is written in proto3 JSON (https://protobuf.dev/programming-guides/json). */
export function jsonForm(message: DescMessage): JsonForm {
  return FORMS.get(message.typeName) ?? 'fields';
}

const EXPECTED: ReadonlyMap<string, string> = new Map([
  ['google.protobuf.Timestamp', 'Must be an RFC 3339 time, for example "2026-01-31T12:00:00Z".'],
  ['google.protobuf.Duration', 'Must be seconds with at most nine decimals and an "s", for example "1.5s".'],
  ['google.protobuf.FieldMask', 'Must be field names in lowerCamelCase, separated by commas.'],
]);

/** What a type that is written as text accepts, as a sentence; undefined for other types. */
export function expectedForm(message: DescMessage): string | undefined {
  return EXPECTED.get(message.typeName);
}

/**
 * Reads a Timestamp, Duration, FieldMask or Any from its JSON.
 * @param scope the file whose imports an Any finds its types in
 * @throws Error with the reason, when the JSON is not of the type's form
 */
export function wellKnownFromJson(message: DescMessage, json: FieldValue, scope: DescFile): Message {
  if (typeof json === 'string') checkText(message, json);
  // A bigint passes through to where a 64-bit field takes it; a Value inside an Any refuses it.
  const parsed = fromJson(message, json as JsonValue, { registry: registryOf(scope) });
  return toTree(message, parsed);
}

/**
 * Writes a Timestamp, Duration, FieldMask or Any as its JSON.
 * @param scope the file whose imports an Any finds its types in
 * @throws Error with the reason, when the value has no JSON form, such as a Timestamp of the year 10000
 */
export function wellKnownToJson(message: DescMessage, value: Message, scope: DescFile): FieldValue {
  const target = create(message);
  const reflected = reflect(message, target);
  for (const field of message.fields) {
    const held = value[field.name];
    if (held === undefined) continue;
    if (field.fieldKind === 'list') {
      for (const element of held as string[]) reflected.get(field).add(element);
    } else {
      reflected.set(field, held as ScalarValue);
    }
  }
  return toJson(message, target, { registry: registryOf(scope) });
}

/** Refuses what protobuf-es accepts: text after the `s` of a duration, and days and hours that do not exist. */
function checkText(message: DescMessage, text: string): void {
  if (message.typeName === 'google.protobuf.Duration' && !/^-?[0-9]{1,12}(?:\.[0-9]{1,9})?s$/.test(text)) {
    throw new Error('malformed duration');
  }
  if (message.typeName === 'google.protobuf.Timestamp') {
    const local = text.slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
    const time = Date.parse(`${local}Z`);
    if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(local))
      throw new Error('nonexistent time');
  }
}

function toTree(message: DescMessage, parsed: ReturnType<typeof create>): Message {
  const reflected = reflect(message, parsed);
  const tree = createMessage();
  for (const field of message.fields) {
    if (field.fieldKind === 'list') {
      tree[field.name] = [...reflected.get(field)] as FieldValue[];
    } else if (reflected.isSet(field)) {
      tree[field.name] = reflected.get(field) as FieldValue;
    }
  }
  return tree;
}

const registries = new WeakMap<DescFile, Registry>();

/** The types that a file knows, its imports and theirs included: what an Any in it may hold. */
function registryOf(scope: DescFile): Registry {
  let registry = registries.get(scope);
  if (registry === undefined) {
    const files = new Set<DescFile>();
    const collect = (file: DescFile): void => {
      if (files.has(file)) return;
      files.add(file);
      for (const dependency of file.dependencies) collect(dependency);
    };
    collect(scope);
    registry = createRegistry(...files);
    registries.set(scope, registry);
  }
  return registry;
}

import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { clip } from '../base/text.ts';
import { ADDITIONAL_FIELDS, type FieldNames, fieldNames, wireName } from './field-names.ts';
import { createMessage, type FieldValue, isRawNumber, type Message } from './message.ts';
import { enumFromJson, expectedScalar, scalarFromJson } from './scalar-json.ts';
import { keyName } from './scalar-text.ts';
import { suggest } from './suggest.ts';
import { at, type Violations } from './violations.ts';
import { expectedForm, jsonForm, wellKnownFromJson } from './well-known.ts';

/** The most characters of an unknown name that are repeated to the caller. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads a message from its proto3 JSON (https://protobuf.dev/programming-guides/json), strictly: a value of another type
 * and an unknown member are violations, and every one of them is collected.
 *
 * A message with a field `additional_fields` of type google.protobuf.Struct keeps there what it does not model, as it is,
 * and also a null for a field that it does model: Vultr tells null and absent apart. Elsewhere null means absent.
 *
 * @param path leads to the message, as a path of proto names; "" for the request itself
 */
export function decodeJsonMessage(
  descriptor: DescMessage,
  json: FieldValue,
  path: string,
  violations: Violations,
): Message {
  const message = createMessage();
  if (!isObject(json)) {
    violations.add(path, `Must be a JSON object, not ${describe(json)}.`);
    return message;
  }
  const names = fieldNames(descriptor);
  const additional = createMessage();
  const seen = new Map<DescField, string>();
  for (const [name, value] of Object.entries(json)) {
    if (violations.isFull) break;
    const field = names.byName.get(name);
    if (field === undefined) {
      if (names.additional === undefined) refuseUnknown(name, names, path, violations);
      else additional[name] = value;
      continue;
    }
    const where = at(path, field.name);
    const before = seen.get(field);
    if (before !== undefined) {
      violations.add(where, `Given twice, as ${before} and as ${name}. Leave one of them out.`);
      continue;
    }
    seen.set(field, name);
    if (field === names.additional) continue;
    if (value !== null || takesNull(field)) setField(message, field, value, where, violations);
    else if (names.additional !== undefined) additional[wireName(field)] = null;
  }
  if (names.additional !== undefined) {
    const given = json[seen.get(names.additional) ?? ''];
    if (seen.has(names.additional))
      mergeAdditional(additional, given ?? null, message, names, path, violations);
    if (Object.keys(additional).length > 0) message[ADDITIONAL_FIELDS] = additional;
  }
  return message;
}

/** Reads a field from its JSON, lists and maps included. Undefined when it is not of the field's type. */
export function decodeJsonField(
  field: DescField,
  json: FieldValue,
  path: string,
  violations: Violations,
): FieldValue | undefined {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(json)) return refuse(path, `Must be a JSON array, not ${describe(json)}.`, violations);
    return decodeElements(field, json, path, violations);
  }
  if (field.fieldKind !== 'map') return decodeElement(field, json, path, violations);
  if (!isObject(json)) return refuse(path, `Must be a JSON object, not ${describe(json)}.`, violations);
  const map = createMessage();
  for (const [name, element] of Object.entries(json)) {
    if (violations.isFull) break;
    const where = `${path}[${JSON.stringify(clip(name, MAX_NAME_LENGTH))}]`;
    const key = decodeMapKey(field.mapKey, name);
    if (key === undefined)
      violations.add(where, `Not a key of this map. Its keys must be ${keyName(field.mapKey)}.`);
    else map[key] = decodeElement(field, element, where, violations) ?? null;
  }
  return map;
}

function decodeElements(
  field: DescField,
  elements: readonly FieldValue[],
  path: string,
  violations: Violations,
): FieldValue[] {
  const list: FieldValue[] = [];
  for (const [index, element] of elements.entries()) {
    if (violations.isFull) break;
    list.push(decodeElement(field, element, `${path}[${index}]`, violations) ?? null);
  }
  return list;
}

function setField(
  message: Message,
  field: DescField,
  json: FieldValue,
  path: string,
  violations: Violations,
): void {
  const sibling = field.oneof?.fields.find(({ name }) => message[name] !== undefined);
  if (sibling !== undefined) {
    violations.add(path, `Only one of ${sibling.name} and ${field.name} may be given.`);
    return;
  }
  const value = decodeJsonField(field, json, path, violations);
  if (value !== undefined) message[field.name] = value;
}

/** Reads one value: of a singular field, an element of a list, or the value of a map entry. */
export function decodeElement(
  field: DescField,
  json: FieldValue,
  path: string,
  violations: Violations,
): FieldValue | undefined {
  if (field.message !== undefined) return decodeMessageValue(field.message, field, json, path, violations);
  const value =
    field.enum === undefined
      ? scalarFromJson(field.scalar ?? ScalarType.STRING, json)
      : field.enum.typeName === 'google.protobuf.NullValue' && json === null
        ? 0
        : enumFromJson(field.enum, json);
  return value ?? refuse(path, expectedScalar(field), violations);
}

function decodeMessageValue(
  type: DescMessage,
  field: DescField,
  json: FieldValue,
  path: string,
  violations: Violations,
): FieldValue | undefined {
  switch (jsonForm(type)) {
    case 'fields':
      return decodeJsonMessage(type, json, path, violations);
    case 'struct':
      if (isObject(json)) return json;
      return refuse(path, `Must be a JSON object, not ${describe(json)}.`, violations);
    case 'list':
      if (Array.isArray(json)) return json;
      return refuse(path, `Must be a JSON array, not ${describe(json)}.`, violations);
    case 'value':
      return json;
    case 'wrapper': {
      const [wrapped] = type.fields;
      const value = wrapped && decodeElement(wrapped, json, path, violations);
      return value === undefined ? undefined : Object.assign(createMessage(), { value });
    }
    default:
      try {
        return wellKnownFromJson(type, json, field.parent.file);
      } catch (error) {
        return refuse(path, expectedForm(type) ?? `${(error as Error).message}.`, violations);
      }
  }
}

/** Merges what the caller put into `additional_fields` itself with the unknown members around it. */
function mergeAdditional(
  additional: Message,
  given: FieldValue,
  message: Message,
  names: FieldNames,
  path: string,
  violations: Violations,
): void {
  const parent = at(path, ADDITIONAL_FIELDS);
  if (given === null) return;
  if (!isObject(given)) {
    violations.add(parent, `Must be a JSON object, not ${describe(given)}.`);
    return;
  }
  for (const [name, value] of Object.entries(given)) {
    const field = names.byWireName.get(name);
    const isSet = name in additional || (field !== undefined && message[field.name] !== undefined);
    if (isSet)
      violations.add(
        at(parent, clip(name, MAX_NAME_LENGTH)),
        `Given twice, here and as ${at(path, clip(name, MAX_NAME_LENGTH))}. Leave one of them out.`,
      );
    else additional[name] = value;
  }
}

function refuseUnknown(name: string, names: FieldNames, path: string, violations: Violations): void {
  const meant = suggest(
    name,
    names.ordered.map((field) => field.name),
  );
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  violations.add(at(path, clip(name, MAX_NAME_LENGTH)), `Unknown field.${hint}`);
}

function refuse(path: string, description: string, violations: Violations): undefined {
  violations.add(path, description);
  return undefined;
}

/** Whether null is a value of this field, as it is of a google.protobuf.Value. For all others it means absent. */
export function takesNull(field: DescField): boolean {
  return (
    field.fieldKind !== 'list' &&
    field.fieldKind !== 'map' &&
    (field.message?.typeName === 'google.protobuf.Value' ||
      field.enum?.typeName === 'google.protobuf.NullValue')
  );
}

/** Reads the key of a map entry from its text. Undefined when it is not of the type of the map's keys. */
export function decodeMapKey(type: ScalarType, name: string): string | undefined {
  if (type === ScalarType.STRING) return name;
  if (type === ScalarType.BOOL) return name === 'true' || name === 'false' ? name : undefined;
  const key = scalarFromJson(type, name);
  return key === undefined ? undefined : String(key);
}

function isObject(json: FieldValue): json is Message {
  return (
    typeof json === 'object' &&
    json !== null &&
    !Array.isArray(json) &&
    !(json instanceof Uint8Array) &&
    !isRawNumber(json)
  );
}

function describe(json: FieldValue): string {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'an array';
  if (typeof json === 'bigint' || isRawNumber(json)) return 'a number';
  return typeof json === 'object' ? 'an object' : `a ${typeof json}`;
}

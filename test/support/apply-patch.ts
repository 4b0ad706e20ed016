import type { JsonObject, JsonValue } from '../../src/payload/json.ts';

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/** The pseudocode of RFC 7396, section 2. */
export function applyMergePatch(target: JsonValue, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, applyMergePatch(members.get(name) ?? null, value));
  }
  return Object.fromEntries(members);
}

/** Applies the operations add, remove and replace of RFC 6902. Throws where one does not fit. */
export function applyJsonPatch(target: JsonValue, operations: readonly JsonObject[]): JsonValue {
  return operations.reduce<JsonValue>((value, operation) => {
    const path = String(operation['path'])
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    return applyAt(value, path, operation);
  }, target);
}

function applyAt(value: JsonValue, path: readonly string[], operation: JsonObject): JsonValue {
  const [name, ...rest] = path;
  const { op, value: given = null } = operation;
  if (name === undefined) return given;
  if (Array.isArray(value)) {
    const index = Number(name);
    const isFitting = op === 'add' && rest.length === 0 ? index <= value.length : index < value.length;
    if (!isFitting)
      throw new Error(`${JSON.stringify(operation)} has no place in a list of ${value.length}.`);
    if (rest.length > 0) return value.with(index, applyAt(value[index] ?? null, rest, operation));
    if (op === 'remove') return value.toSpliced(index, 1);
    return op === 'add' ? value.toSpliced(index, 0, given) : value.with(index, given);
  }
  if (!isObject(value))
    throw new Error(`${JSON.stringify(operation)} goes through something without members.`);
  const members = new Map(Object.entries(value));
  const member = members.get(name);
  if (member === undefined && (op !== 'add' || rest.length > 0))
    throw new Error(`${JSON.stringify(operation)} names a member that is not there.`);
  if (rest.length > 0) members.set(name, applyAt(member ?? null, rest, operation));
  else if (op === 'remove') members.delete(name);
  else members.set(name, given);
  return Object.fromEntries(members);
}

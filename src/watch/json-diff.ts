import { type JsonObject, type JsonValue, stringifyJson } from '../payload/json.ts';

/** Whether two JSON values are equal. The order of elements matters, that of members does not. */
export function sameJson(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length && left.every((element, index) => sameJson(element, right[index] ?? null))
    );
  }
  if (isObject(left) && isObject(right)) {
    const names = Object.keys(left);
    return (
      names.length === Object.keys(right).length &&
      names.every((name) => Object.hasOwn(right, name) && sameJson(left[name] ?? null, right[name] ?? null))
    );
  }
  return isNumber(left) && isNumber(right) && stringifyJson(left) === stringifyJson(right);
}

/** Whether a JSON value is an object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

function isNumber(value: JsonValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || JSON.isRawJSON(value);
}

/**
 * The merge patch (RFC 7396) that turns one object into another.
 * @returns undefined when there is none: a merge patch cannot set a member to null, or put an object in the place of
 *   another without merging
 */
export function mergePatch(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: JsonObject = {};
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) setMember(patch, name, null);
  for (const [name, value] of Object.entries(after)) {
    const had = Object.hasOwn(before, name) ? before[name] : undefined;
    if (had !== undefined && sameJson(had, value)) continue;
    const member = isObject(had) && isObject(value) ? mergePatch(had, value) : expressible(value);
    if (member === undefined) return undefined;
    setMember(patch, name, member);
  }
  return patch;
}

/** A value as a merge patch sets it; undefined when an object in it has a member that is null. */
function expressible(value: JsonValue): JsonValue | undefined {
  if (value === null) return undefined;
  if (!isObject(value)) return value;
  return Object.values(value).every((member) => expressible(member) !== undefined) ? value : undefined;
}

/** Sets a member, whatever its name: an assignment to `__proto__` would set the prototype. */
export function setMember(object: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/**
 * The JSON patch (RFC 6902) that turns one value into another by the operations `add`, `remove` and `replace`, applied in
 * order.
 */
export function jsonPatch(before: JsonValue, after: JsonValue): JsonObject[] {
  return [...diff(before, after, '')];
}

function* diff(before: JsonValue, after: JsonValue, path: string): Generator<JsonObject> {
  if (sameJson(before, after)) return;
  if (isObject(before) && isObject(after)) yield* diffMembers(before, after, path);
  else if (Array.isArray(before) && Array.isArray(after)) yield* diffElements(before, after, path);
  else yield { op: 'replace', path, value: after };
}

function* diffMembers(before: JsonObject, after: JsonObject, path: string): Generator<JsonObject> {
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) yield { op: 'remove', path: pointer(path, name) };
  }
  for (const [name, value] of Object.entries(after)) {
    const at = pointer(path, name);
    if (Object.hasOwn(before, name)) yield* diff(before[name] ?? null, value, at);
    else yield { op: 'add', path: at, value };
  }
}

/** Leaves the equal elements at both ends, and compares those in between position by position. */
function* diffElements(
  before: readonly JsonValue[],
  after: readonly JsonValue[],
  path: string,
): Generator<JsonObject> {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && sameJson(before[start] ?? null, after[start] ?? null)) start += 1;
  let end = 0;
  while (end < shorter - start && sameJson(before.at(-1 - end) ?? null, after.at(-1 - end) ?? null)) end += 1;
  const shared = shorter - end;
  for (let index = start; index < shared; index += 1) {
    yield* diff(before[index] ?? null, after[index] ?? null, `${path}/${index}`);
  }
  for (let index = before.length - end - 1; index >= shared; index -= 1) {
    yield { op: 'remove', path: `${path}/${index}` };
  }
  for (let index = shared; index < after.length - end; index += 1) {
    yield { op: 'add', path: `${path}/${index}`, value: after[index] ?? null };
  }
}

/** A JSON pointer (RFC 6901). */
function pointer(parent: string, name: string): string {
  return `${parent}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

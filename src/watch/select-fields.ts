import type { JsonObject, JsonValue } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import { isObject, setMember } from './json-diff.ts';

/** Picks the wanted members out of a state. */
export type SelectFields = (state: JsonObject) => JsonObject;

const MAX_FIELDS = 50;
const MAX_PATH_LENGTH = 200;

/** A member's name, and names behind dots; `*` is not supported: a list is passed through, element by element. */
const PATH = /^[^.,\s]+(?:\.[^.,\s]+)*$/;

/** What to keep of a member: everything, or some of its members. */
type Wanted = 'all' | Map<string, Wanted>;

/**
 * Compiles paths such as `instance.status`. Where a path meets a list, it applies to each of the list's elements. Missing
 * members are left out.
 * @param paths without any, everything is kept
 * @throws CallError INVALID_ARGUMENT for a path that cannot be read
 */
export function compileFields(paths: readonly string[]): SelectFields {
  if (paths.length === 0) return (state) => state;
  if (paths.length > MAX_FIELDS)
    throw CallError.invalid([{ field: 'fields', description: `Must be at most ${MAX_FIELDS} paths.` }]);
  const root = new Map<string, Wanted>();
  for (const path of paths) {
    if (path.length > MAX_PATH_LENGTH || !PATH.test(path)) {
      const description = 'Must be member names separated by dots, for example instance.status.';
      throw CallError.invalid([{ field: 'fields', description }]);
    }
    add(root, path.split('.'));
  }
  return (state) => pickMembers(state, root);
}

function add(wanted: Map<string, Wanted>, [name = '', ...rest]: readonly string[]): void {
  const known = wanted.get(name);
  if (known === 'all') return;
  if (rest.length === 0) {
    wanted.set(name, 'all');
    return;
  }
  const below = known ?? new Map<string, Wanted>();
  wanted.set(name, below);
  add(below, rest);
}

function pick(value: JsonValue, wanted: Wanted): JsonValue {
  if (wanted === 'all') return value;
  if (Array.isArray(value)) return value.map((element) => pick(element, wanted));
  return isObject(value) ? pickMembers(value, wanted) : value;
}

function pickMembers(object: JsonObject, wanted: ReadonlyMap<string, Wanted>): JsonObject {
  const picked: JsonObject = {};
  for (const [name, below] of wanted) {
    if (Object.hasOwn(object, name)) setMember(picked, name, pick(object[name] ?? null, below));
  }
  return picked;
}

/**
 * Creates a function that leaves members out of a state.
 * @param paths as member names
 */
export function compileOmission(paths: readonly (readonly string[])[]): SelectFields {
  if (paths.length === 0) return (state) => state;
  return (state) => paths.reduce<JsonObject>(omit, state);
}

function omit(object: JsonObject, [name = '', ...rest]: readonly string[]): JsonObject {
  if (!Object.hasOwn(object, name)) return object;
  const { [name]: member, ...others } = object;
  if (rest.length === 0) return others;
  return isObject(member) ? { ...object, [name]: omit(member, rest) } : object;
}

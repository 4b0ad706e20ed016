import type { CelInput } from '@bufbuild/cel';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { isObject } from './json-diff.ts';

/** The variable for the whole response, for members whose names are not identifiers in CEL. */
export const WHOLE = 'response';

const bindings = new WeakMap<JsonObject, Record<string, CelInput>>();

/** The variables of a state, made once for all the conditions that look at it. */
export function toBindings(state: JsonObject): Record<string, CelInput> {
  let known = bindings.get(state);
  if (known === undefined) {
    const members = toMap(state);
    known = Object.fromEntries([...members, [WHOLE, members]]);
    bindings.set(state, known);
  }
  return known;
}

function toMap(object: JsonObject): Map<string, CelInput> {
  return new Map(Object.entries(object).map(([name, member]) => [name, toCel(member)]));
}

/** JSON numbers become doubles, except integers that only an int holds exactly; CEL compares the two by value. */
function toCel(value: JsonValue): CelInput {
  if (Array.isArray(value)) return value.map(toCel);
  if (isObject(value)) return toMap(value);
  if (typeof value === 'bigint') return value === BigInt.asIntN(64, value) ? value : Number(value);
  return typeof value === 'object' && value !== null ? Number(JSON.stringify(value)) : value;
}

import type { DescMessage } from '@bufbuild/protobuf';
import type { FieldPath } from './binding.ts';
import { fieldNames } from './field-names.ts';
import { suggest } from './suggest.ts';
import { at } from './violations.ts';
import { jsonForm } from './well-known.ts';

/** How many messages a parameter's name may lead through. */
const MAX_DEPTH = 32;

/** What the name of a query parameter leads to. */
export interface Parameter {
  readonly path: FieldPath;
  /** The text in brackets, where the name has one: the key of a map. */
  readonly key: string | undefined;
}

/** The types whose fields are not those of their JSON, so that a name cannot lead into them. */
const OPAQUE: ReadonlySet<string> = new Set(['struct', 'value', 'list']);

/**
 * Finds what the name of a query parameter means.
 * @returns undefined when it leads to no field
 */
export function findParameter(descriptor: DescMessage, name: string): Parameter | undefined {
  // A key may contain dots and brackets, but the name of a field contains no bracket.
  const bracket = name.endsWith(']') ? name.indexOf('[') : -1;
  const path = findField(descriptor, bracket < 0 ? name : name.slice(0, bracket), MAX_DEPTH);
  if (path === undefined) return undefined;
  return { path, key: bracket < 0 ? undefined : name.slice(bracket + 1, -1) };
}

/** The name that was probably meant by an unknown one, in the innermost message that it leads to. */
export function suggestParameter(descriptor: DescMessage, name: string): string | undefined {
  let message = descriptor;
  let parent = '';
  let rest = name;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const dot = rest.indexOf('.');
    const field = dot < 0 ? undefined : fieldNames(message).byName.get(rest.slice(0, dot));
    if (field?.fieldKind !== 'message' || OPAQUE.has(jsonForm(field.message))) break;
    parent = at(parent, field.name);
    message = field.message;
    rest = rest.slice(dot + 1);
  }
  const meant = suggest(
    rest,
    fieldNames(message).ordered.map((field) => field.name),
  );
  return meant === undefined ? undefined : at(parent, meant);
}

/** The way to the field that a name means. A wire name may contain dots itself, so the longest match wins. */
function findField(descriptor: DescMessage, name: string, depth: number): FieldPath | undefined {
  const { byName, longestName } = fieldNames(descriptor);
  const whole = name.length <= longestName ? byName.get(name) : undefined;
  if (whole !== undefined) return [whole];
  if (depth === 0) return undefined;
  // No dot after the longest name can end one: looking at each would take time by the square of the name's length.
  for (let dot = name.lastIndexOf('.', longestName); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const field = byName.get(name.slice(0, dot));
    if (field?.fieldKind !== 'message' || OPAQUE.has(jsonForm(field.message))) continue;
    const rest = findField(field.message, name.slice(dot + 1), depth - 1);
    if (rest !== undefined) return [field, ...rest];
  }
  return undefined;
}

/** A way to a field as the names on it: `until.status`. */
export function nameOf(path: FieldPath): string {
  return path.map(({ name }) => name).join('.');
}

import { badRequest } from '../engine/api-error.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';

/**
 * The attributes of a SCIM resource after a PATCH (RFC 7644, section 3.5.2). Paths are attributes, members of
 * attributes (`name.givenName`) and, for removing, one value of a list (`members[value eq "…"]`). Throws an ApiError
 * 400 for anything else. `fields` are not changed.
 */
export function applyPatch(fields: JsonObject, { Operations: operations }: JsonObject): JsonObject {
  if (!Array.isArray(operations) || operations.length === 0) throw badRequest('Invalid Operations.');
  const patched = structuredClone(fields);
  for (const operation of operations) {
    if (!isObject(operation)) throw badRequest('Invalid Operations.');
    applyOperation(patched, operation);
  }
  return withListedMembers(patched);
}

function applyOperation(fields: JsonObject, { op, path, value }: JsonObject): void {
  const verb = String(op).toLowerCase();
  if (!['add', 'remove', 'replace'].includes(verb)) throw badRequest('Invalid op.');
  if (verb === 'remove') {
    remove(fields, path, value);
    return;
  }
  if (value === undefined) throw badRequest('Invalid value.');
  // Without a path, the value is an object of attributes.
  const changes = typeof path === 'string' && path !== '' ? { [path]: value } : value;
  if (!isObject(changes)) throw badRequest('Invalid value.');
  for (const [attribute, each] of Object.entries(changes)) put(fields, verb, attribute, each);
}

function put(fields: JsonObject, verb: string, path: string, value: Json): void {
  const { parent, name } = locate(fields, path);
  const before = parent[name];
  parent[name] = verb === 'add' && Array.isArray(before) ? [...before, ...listOf(value)] : value;
}

function remove(fields: JsonObject, path: Json | undefined, value: Json | undefined): void {
  if (typeof path !== 'string' || path === '') throw badRequest('Invalid path.');
  const [, list, wanted] = /^(\w+)\[\s*value\s+eq\s+"([^"]*)"\s*\]$/i.exec(path) ?? [];
  const { parent, name } = locate(fields, list ?? path);
  const before = parent[name];
  const gone = wanted === undefined ? listOf(value ?? []).map(memberId) : [wanted];
  if (Array.isArray(before) && gone.length > 0)
    parent[name] = before.filter((each) => !gone.includes(memberId(each)));
  else delete parent[name];
}

/** The object that holds the attribute of a path, and its name there. */
function locate(fields: JsonObject, path: string): { parent: JsonObject; name: string } {
  const [, outer = '', inner] = /^(\w+)(?:\.(\w+))?$/.exec(path) ?? [];
  if (outer === '' || outer.startsWith('__') || inner?.startsWith('__')) throw badRequest('Invalid path.');
  if (inner === undefined) return { parent: fields, name: outer };
  const held = fields[outer];
  const parent = isObject(held) ? held : {};
  fields[outer] = parent;
  return { parent, name: inner };
}

const listOf = (value: Json): Json[] => (Array.isArray(value) ? value : [value]);

const memberId = (item: Json): string => String(isObject(item) ? item['value'] : item);

/** Members are stored as ids, but are objects in a body. */
function withListedMembers(fields: JsonObject): JsonObject {
  const { members } = fields;
  if (!Array.isArray(members)) return fields;
  return { ...fields, members: members.map((each) => ({ value: memberId(each) })) };
}

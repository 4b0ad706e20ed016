import type { CreateRule } from './operation.ts';

/**
 * The id of what an operation has made, where its contract says that it stands in the response.
 * @param response the response as JSON
 * @returns undefined when the contract names no place, or nothing is there that can be an id
 */
export function createdId(rule: CreateRule | undefined, response: unknown): string | undefined {
  for (const path of rule?.idPaths ?? []) {
    const id = path.reduce<unknown>(memberOf, response);
    if (typeof id === 'string' && id !== '') return id;
    if (typeof id === 'number' || typeof id === 'bigint') return String(id);
    if (JSON.isRawJSON(id)) return id.rawJSON;
  }
  return undefined;
}

/** A member of what may be an object, or an element of what may be a list. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

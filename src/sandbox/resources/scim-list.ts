import { badRequest } from '../engine/api-error.ts';
import type { JsonObject } from '../engine/json.ts';

const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const DEFAULT_COUNT = 100;

/**
 * A page of a SCIM list (RFC 7644, section 3.4.2): `startIndex` counts from 1, `filter` knows `attribute eq "value"`.
 */
export function scimList(all: readonly JsonObject[], query: URLSearchParams): JsonObject {
  const fitting = all.filter(fitsFilter(query.get('filter')));
  const startIndex = Math.max(1, readInteger(query, 'startIndex', 1));
  const count = Math.max(0, readInteger(query, 'count', DEFAULT_COUNT));
  const shown = fitting.slice(startIndex - 1, startIndex - 1 + count);
  return {
    schemas: [LIST_SCHEMA],
    totalResults: fitting.length,
    startIndex,
    itemsPerPage: shown.length,
    Resources: shown,
  };
}

function fitsFilter(filter: string | null): (item: JsonObject) => boolean {
  if (filter === null || filter === '') return () => true;
  const [, attribute = '', value] = /^\s*(\w+)\s+eq\s+"([^"]*)"\s*$/i.exec(filter) ?? [];
  if (value === undefined) throw badRequest('Invalid filter.');
  return (item) => String(item[attribute] ?? '').toLowerCase() === value.toLowerCase();
}

function readInteger(query: URLSearchParams, name: string, fallback: number): number {
  const value = query.get(name);
  if (value === null || value === '') return fallback;
  if (!/^-?\d{1,9}$/.test(value)) throw badRequest(`Invalid ${name}.`);
  return Number(value);
}

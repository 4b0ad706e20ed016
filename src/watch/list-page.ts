import type { JsonObject, JsonValue } from '../payload/json.ts';
import { isObject } from './json-diff.ts';

/**
 * The elements of a list: in SCIM its `Resources` (RFC 7644, section 3.4.2), in all others of Vultr's the first member that
 * is a list.
 * @returns undefined when there is none
 */
export function findElements(value: JsonObject): readonly JsonValue[] | undefined {
  const { Resources: resources } = value;
  if (Array.isArray(resources)) return resources;
  return Object.values(value).find((member) => Array.isArray(member));
}

/** What a page of a list says about the next one. */
export type NextPage =
  | { readonly kind: 'none' }
  /** Vultr's paging: `meta.links.next`. */
  | { readonly kind: 'cursor'; readonly cursor: string }
  /** SCIM's paging (RFC 7644, section 3.4.2.4): a position, counted from 1. */
  | { readonly kind: 'start'; readonly index: number };

/** Finds the next page. */
export function findNextPage(value: JsonObject): NextPage {
  const { meta, totalResults, startIndex, itemsPerPage } = value;
  const links = isObject(meta) ? meta['links'] : undefined;
  const next = isObject(links) ? links['next'] : undefined;
  if (typeof next === 'string' && next !== '') return { kind: 'cursor', cursor: next };
  if (
    typeof totalResults === 'number' &&
    typeof startIndex === 'number' &&
    typeof itemsPerPage === 'number' &&
    itemsPerPage > 0 &&
    startIndex + itemsPerPage <= totalResults
  ) {
    return { kind: 'start', index: startIndex + itemsPerPage };
  }
  return { kind: 'none' };
}

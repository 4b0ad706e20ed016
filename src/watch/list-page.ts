import type { Operation } from '../contract/operation.ts';
import type { JsonObject, JsonValue } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import type { UpstreamRequest } from '../vultr/vultr.ts';
import { isObject } from './json-diff.ts';

/** Vultr's largest page. */
const PAGE_SIZE = 500;

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
type NextPage =
  | { readonly kind: 'none' }
  /** Vultr's paging: `meta.links.next`. */
  | { readonly kind: 'cursor'; readonly cursor: string }
  /** SCIM's paging (RFC 7644, section 3.4.2.4): a position, counted from 1. */
  | { readonly kind: 'start'; readonly index: number };

/** Finds the next page. */
function findNextPage(value: JsonObject): NextPage {
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

/** How many elements a page says that the list has, on all pages; undefined: it does not say. */
export function findTotal({ meta, totalResults }: JsonObject): number | undefined {
  const total = isObject(meta) ? meta['total'] : totalResults;
  return typeof total === 'number' ? total : undefined;
}

/** The request of the first page, with as many elements as Vultr allows unless the request says how many. */
export function firstPage(operation: Operation, request: UpstreamRequest): UpstreamRequest {
  if (!hasPages(operation) || parametersOf(request.query).some(([name]) => name === 'per_page'))
    return request;
  return withParameter(request, 'per_page', String(PAGE_SIZE));
}

/** Whether the pages of a list can be as large as wanted, which is so of all lists that may be long. */
export function hasPages({ input }: Operation): boolean {
  return input.fields.some(({ name }) => name === 'per_page');
}

/**
 * The request of the page after another one; undefined: that was the last.
 * @param value the response with the page
 * @throws CallError INTERNAL when it says that the same page follows
 */
export function nextPage(
  first: UpstreamRequest,
  page: UpstreamRequest,
  value: JsonObject,
): UpstreamRequest | undefined {
  const next = findNextPage(value);
  if (next.kind === 'none') return undefined;
  const following =
    next.kind === 'cursor'
      ? withParameter(first, 'cursor', next.cursor)
      : withParameter(first, 'startIndex', String(next.index));
  if (following.query === page.query)
    throw new CallError(
      'INTERNAL',
      'BAD_UPSTREAM_RESPONSE',
      'The next page of the list is the same page again.',
    );
  return following;
}

/** The names and values of a query, as they are written in it. */
function parametersOf(query: string): readonly (readonly [name: string, text: string])[] {
  return query
    .split('&')
    .filter((text) => text !== '')
    .map((text) => [text.split('=', 1)[0] ?? '', text]);
}

function withParameter(request: UpstreamRequest, name: string, value: string): UpstreamRequest {
  const others = parametersOf(request.query).filter(([other]) => other !== name);
  const texts = [...others.map(([, text]) => text), `${name}=${encodeURIComponent(value)}`];
  return { ...request, query: texts.join('&') };
}

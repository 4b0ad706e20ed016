import { badRequest } from './api-error.ts';
import type { Json, JsonObject } from './json.ts';

/** Vultr's page sizes. */
const DEFAULT_PER_PAGE = 100;
const MAX_PER_PAGE = 500;

/** A page of a list with Vultr's `meta`. */
export interface Page<Item> {
  items: Item[];
  meta: JsonObject;
}

/**
 * Cuts a page out of `all` by the query's `per_page` (default 100, at most 500) and `cursor`. A cursor is the base64 of
 * `next__<id of the last item shown>` or `prev__<id of the first item shown>`. Throws an ApiError 400 for a page size
 * that is not an integer from 1 to 500, and for a cursor that is not from this list.
 */
export function page<Item>(
  all: readonly Item[],
  query: URLSearchParams,
  idOf: (item: Item) => string,
): Page<Item> {
  const perPage = readPerPage(query.get('per_page'));
  const start = readCursor(all, query.get('cursor'), perPage, idOf);
  const items = all.slice(start, start + perPage);
  const first = items[0];
  const last = items.at(-1);
  const next = last !== undefined && start + perPage < all.length ? encode('next', idOf(last)) : '';
  const prev = first !== undefined && start > 0 ? encode('prev', idOf(first)) : '';
  return { items, meta: { total: all.length, links: { next, prev } } };
}

/** The usual body of a list: `{ [key]: page, meta }`. */
export function listBody(key: string, all: readonly JsonObject[], query: URLSearchParams, id = 'id'): Json {
  const { items, meta } = page(all, query, (item) => String(item[id] ?? ''));
  return { [key]: items, meta };
}

const encode = (direction: string, id: string): string =>
  Buffer.from(`${direction}__${id}`).toString('base64');

function readPerPage(value: string | null): number {
  if (value === null || value === '') return DEFAULT_PER_PAGE;
  const perPage = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (perPage < 1 || perPage > MAX_PER_PAGE) {
    throw badRequest(`Invalid per_page. Must be between 1 and ${MAX_PER_PAGE}.`);
  }
  return perPage;
}

function readCursor<Item>(
  all: readonly Item[],
  cursor: string | null,
  perPage: number,
  idOf: (item: Item) => string,
): number {
  if (cursor === null || cursor === '') return 0;
  const [, direction, id] = /^(next|prev)__(.+)$/s.exec(Buffer.from(cursor, 'base64').toString()) ?? [];
  const at = all.findIndex((item) => idOf(item) === id);
  if (direction === undefined || at < 0) throw badRequest('Invalid cursor.');
  return direction === 'next' ? at + 1 : Math.max(0, at - perPage);
}

import type { JsonObject, JsonValue } from '../payload/json.ts';
import { Payload } from '../payload/payload.ts';
import { CallError } from '../status/call-error.ts';

/** A list of Vultr's with its members and paging. */
export interface Page {
  readonly items: readonly JsonObject[];
  readonly total: JsonValue;
  /** The cursors of the next and the previous page; "" when there is none. */
  readonly next: string;
  readonly prev: string;
}

/** Reads a list of Vultr's: the items stand under `key`, the paging under `meta`. */
export function readPage(payload: Payload, key: string): Page {
  const { [key]: items, meta } = payload.value;
  const { total, links } = asObject(meta);
  const { next, prev } = asObject(links);
  return {
    items: Array.isArray(items) ? (items as JsonObject[]) : [],
    total: total ?? 0,
    next: typeof next === 'string' ? next : '',
    prev: typeof prev === 'string' ? prev : '',
  };
}

/** Writes a list as callers of the original API know it: `Links` with a capital L, before `total`. */
export function toListPayload(key: string, { items, total, next, prev }: Page): Payload {
  return Payload.of({ [key]: [...items], meta: { Links: { next, prev }, total } });
}

function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** Vultr's page sizes: when none is asked for, and the largest. */
const DEFAULT_PER_PAGE = 100;
const MAX_PER_PAGE = 500;

/**
 * Cuts a page out of a whole list, with cursors of Vultr's form: base64 of `next__` or `prev__` and the id of the item
 * that the page follows or precedes. Undefined when the cursor is not from this list.
 * @throws CallError INVALID_ARGUMENT for a page size that Vultr would refuse
 */
export function cutPage(
  items: readonly JsonObject[],
  perPage: number | undefined,
  cursor: string | undefined,
): Page | undefined {
  const size = perPage ?? DEFAULT_PER_PAGE;
  if (size < 1 || size > MAX_PER_PAGE) {
    throw CallError.invalid([{ field: 'per_page', description: `Must be from 1 to ${MAX_PER_PAGE}.` }]);
  }
  const start = cursor === undefined || cursor === '' ? 0 : startOf(items, size, cursor);
  if (start === undefined) return undefined;
  const page = items.slice(start, start + size);
  const end = start + page.length;
  return {
    items: page,
    total: items.length,
    next: end < items.length ? toCursor('next', page.at(-1)) : '',
    prev: start > 0 ? toCursor('prev', page[0]) : '',
  };
}

function startOf(items: readonly JsonObject[], size: number, cursor: string): number | undefined {
  const [, direction, id] = /^(next|prev)__(.*)$/.exec(Buffer.from(cursor, 'base64').toString()) ?? [];
  const index = items.findIndex((item) => item['id'] === id);
  if (index < 0) return undefined;
  return direction === 'next' ? index + 1 : Math.max(0, index - size);
}

function toCursor(direction: 'next' | 'prev', item: JsonObject | undefined): string {
  return Buffer.from(`${direction}__${String(item?.['id'])}`).toString('base64');
}

import type { Call } from '../rpc/call.ts';
import type { JsonObject } from '../payload/json.ts';
import type { Payload } from '../payload/payload.ts';
import { CallError } from '../status/call-error.ts';
import { askForPayload } from '../vultr/ask.ts';
import { vultrPath, vultrQuery } from '../vultr/path.ts';
import type { Send } from '../vultr/request.ts';
import { readPage } from './paging.ts';

/** Vultr's largest page. */
const MAX_PER_PAGE = 500;

/** More pages than any catalogue has; a cursor that leads in a circle ends here. */
const MAX_PAGES = 20;

type Query = Parameters<typeof vultrQuery>[0];

/** Reads what Vultr sells. All of it is public, so it is asked for without a key and can be shared by all callers. */
export interface CatalogueReader {
  /** One page of a list, as Vultr answers it. */
  page(call: Call, path: string, query: Query): Promise<Payload>;
  /** Every item of a list that stands under `key`. */
  all(call: Call, path: string, key: string, query?: Query): Promise<JsonObject[]>;
  /** The ids of the plans that can be deployed in a region now. NOT_FOUND when there is no such region. */
  availablePlans(call: Call, region: string): Promise<ReadonlySet<unknown>>;
}

/** Makes a reader. */
export function createCatalogueReader(send: Send): CatalogueReader {
  const page: CatalogueReader['page'] = (call, path, query) =>
    askForPayload(send, call, {
      method: 'GET',
      path,
      query: vultrQuery(query),
      kind: 'read',
      isPublic: true,
    });

  return {
    page,

    async all(call, path, key, query = {}) {
      const items: JsonObject[] = [];
      let cursor: string | undefined;
      for (let count = 0; count < MAX_PAGES; count += 1) {
        const { items: more, next } = readPage(
          await page(call, path, { ...query, per_page: MAX_PER_PAGE, cursor }),
          key,
        );
        items.push(...more);
        if (next === '') return items;
        cursor = next;
      }
      throw new CallError(
        'INTERNAL',
        'BAD_UPSTREAM_RESPONSE',
        `Vultr's list of ${key} has no end after ${MAX_PAGES} pages.`,
      );
    },

    async availablePlans(call, region) {
      const path = vultrPath('regions', { field: 'region', value: region }, 'availability');
      const { available_plans } = (await page(call, path, {})).value;
      return new Set(Array.isArray(available_plans) ? available_plans : []);
    },
  };
}

import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type { JsonObject } from '../payload/json.ts';
import type { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { CacheStatus } from '../rpc/call.ts';
import { worstOf } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import type { CallOptions } from '../vultr/vultr.ts';
import { readPage } from './paging.ts';
import type { AskVultr } from './upstream.ts';

/** Vultr's largest page. */
const MAX_PER_PAGE = 500;

/** More pages than any catalogue has; a cursor that leads in a circle ends here. */
const MAX_PAGES = 20;

/** A list of what Vultr sells. */
export type CatalogueList = 'listRegions' | 'listPlans' | 'listMetalPlans' | 'listOs' | 'listApplications';

/** The members that hold the lists. */
const KEYS = {
  listRegions: 'regions',
  listPlans: 'plans',
  listMetalPlans: 'plans_metal',
  listOs: 'os',
  listApplications: 'applications',
} as const;

type Filter = Readonly<Record<string, string | number | undefined>>;

/** Something from the catalogue, and how it stands in the cache. */
export interface Cached<T> {
  readonly value: T;
  readonly cache: CacheStatus | undefined;
}

/** Reads what Vultr sells. All of it is public, so it is asked for without a key and can be shared by all callers. */
export interface CatalogueReader {
  /** One page of a list, as Vultr returns it. */
  page(call: CallOptions, list: CatalogueList, filter: Filter): MaybeSoon<Cached<Payload>>;
  /** Every item of a list. */
  all(call: CallOptions, list: CatalogueList, filter?: Filter): Promise<Cached<readonly JsonObject[]>>;
  /** The ids of the plans that can be deployed in a region now. NOT_FOUND when there is no such region. */
  availablePlans(call: CallOptions, region: string): Promise<Cached<ReadonlySet<unknown>>>;
}

/** Makes a reader. */
export function createCatalogueReader(ask: AskVultr): CatalogueReader {
  const page: CatalogueReader['page'] = (call, list, filter) =>
    whenThere(ask(list, filter, call), ({ body, cache }) => ({ value: payloadOf(body), cache }));

  return {
    page,

    async all(call, list, filter = {}) {
      const items: JsonObject[] = [];
      let cache: CacheStatus | undefined;
      let cursor: string | undefined;
      for (let count = 0; count < MAX_PAGES; count += 1) {
        const read = await page(call, list, { ...filter, per_page: MAX_PER_PAGE, cursor });
        const { items: more, next } = readPage(read.value, KEYS[list]);
        cache = worstOf([cache, read.cache]);
        items.push(...more);
        if (next === '') return { value: items, cache };
        cursor = next;
      }
      throw new CallError(
        'INTERNAL',
        'BAD_UPSTREAM_RESPONSE',
        `Vultr's list of ${KEYS[list]} does not end after ${MAX_PAGES} pages.`,
      );
    },

    async availablePlans(call, region) {
      const { body, cache } = await ask('listAvailablePlans', { region_id: region }, call);
      const { available_plans } = payloadOf(body).value;
      return { value: new Set(Array.isArray(available_plans) ? available_plans : []), cache };
    },
  };
}

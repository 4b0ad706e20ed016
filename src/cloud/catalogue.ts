import type { Call, Reply } from '../contract/call.ts';
import { anyReply } from '../contract/reply.ts';
import type {
  ListImagesRequest,
  ListPlansRequest,
  ListRegionsRequest,
} from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { JsonObject } from '../payload/json.ts';
import { CallError } from '../status/call-error.ts';
import { askForPayload } from '../vultr/ask.ts';
import { vultrPath, vultrQuery } from '../vultr/path.ts';
import type { Send } from '../vultr/request.ts';
import { cutPage, readPage, toListPayload } from './paging.ts';

/** Vultr's largest page. */
const MAX_PER_PAGE = 500;

/** More pages than any catalogue has; a cursor that leads in a circle ends here. */
const MAX_PAGES = 20;

/** The handlers of what can be bought: regions, images, plans. Public at Vultr, so they are asked for without a key. */
export function createCatalogue(send: Send) {
  return {
    /** ListRegions: GET /v2/regions. */
    async listRegions({ per_page, cursor }: ListRegionsRequest, call: Call): Promise<Reply> {
      const payload = await ask(call, vultrPath('regions'), { per_page, cursor });
      return anyReply(toListPayload('regions', readPage(payload, 'regions')));
    },

    /** ListImages: GET /v2/os. */
    async listImages({ per_page, cursor }: ListImagesRequest, call: Call): Promise<Reply> {
      const payload = await ask(call, vultrPath('os'), { per_page, cursor });
      return anyReply(toListPayload('images', readPage(payload, 'os')));
    },

    /** ListPlans: GET /v2/plans; of one region: those that GET /v2/regions/{id}/availability names, too. */
    async listPlans(request: ListPlansRequest, call: Call): Promise<Reply> {
      const { type, os, per_page, cursor } = request;
      if (request.region === undefined || request.region === '') {
        const payload = await ask(call, vultrPath('plans'), { type, os, per_page, cursor });
        return anyReply(toListPayload('plans', readPage(payload, 'plans')));
      }
      const [available, plans] = await Promise.all([
        availablePlans(call, request.region),
        allPlans(call, { type, os }),
      ]);
      const page = cutPage(
        plans.filter(({ id }) => typeof id === 'string' && available.has(id)),
        per_page,
        cursor,
      );
      if (page === undefined) {
        throw CallError.invalid([{ field: 'cursor', description: 'It is no cursor of this list.' }]);
      }
      return anyReply(toListPayload('plans', page));
    },
  };

  function ask(call: Call, path: string, query: Parameters<typeof vultrQuery>[0]) {
    return askForPayload(send, call, { method: 'GET', path, query: vultrQuery(query) });
  }

  async function availablePlans(call: Call, region: string): Promise<ReadonlySet<unknown>> {
    const path = vultrPath('regions', { field: 'region', value: region }, 'availability');
    const { available_plans } = (await ask(call, path, {})).value;
    return new Set(Array.isArray(available_plans) ? available_plans : []);
  }

  async function allPlans(
    call: Call,
    filter: { type: string | undefined; os: string | undefined },
  ): Promise<JsonObject[]> {
    const plans: JsonObject[] = [];
    let cursor: string | undefined;
    for (let count = 0; count < MAX_PAGES; count += 1) {
      const payload = await ask(call, vultrPath('plans'), { ...filter, per_page: MAX_PER_PAGE, cursor });
      const page = readPage(payload, 'plans');
      plans.push(...page.items);
      if (page.next === '') return plans;
      cursor = page.next;
    }
    throw new CallError(
      'INTERNAL',
      'BAD_UPSTREAM_RESPONSE',
      `Vultr's list of plans has no end after ${MAX_PAGES} pages.`,
    );
  }
}

import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import type {
  ListImagesRequest,
  ListPlansRequest,
  ListRegionsRequest,
} from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { Payload } from '../payload/payload.ts';
import { derivedPayload } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import { vultrPath } from '../vultr/path.ts';
import type { CatalogueReader } from './catalogue-reader.ts';
import { cutPage, readPage, toListPayload } from './paging.ts';

/** The handlers of what can be bought: regions, images, plans. */
export function createCatalogue(reader: CatalogueReader) {
  return {
    /** ListRegions: GET /v2/regions. */
    async listRegions({ per_page, cursor }: ListRegionsRequest, call: Call): Promise<Reply> {
      const payload = await reader.page(call, vultrPath('regions'), { per_page, cursor });
      return anyReply(derivedPayload(payload, toRegions));
    },

    /** ListImages: GET /v2/os. */
    async listImages({ per_page, cursor }: ListImagesRequest, call: Call): Promise<Reply> {
      const payload = await reader.page(call, vultrPath('os'), { per_page, cursor });
      return anyReply(derivedPayload(payload, toImages));
    },

    /** ListPlans: GET /v2/plans; of one region: those that GET /v2/regions/{id}/availability names, too. */
    async listPlans({ region, type, os, per_page, cursor }: ListPlansRequest, call: Call): Promise<Reply> {
      if (region === undefined || region === '') {
        const payload = await reader.page(call, vultrPath('plans'), { type, os, per_page, cursor });
        return anyReply(derivedPayload(payload, toPlans));
      }
      const [available, plans] = await Promise.all([
        reader.availablePlans(call, region),
        reader.all(call, vultrPath('plans'), 'plans', { type, os }),
      ]);
      const page = cutPage(
        plans.filter(({ id }) => available.has(id)),
        per_page,
        cursor,
      );
      if (page === undefined) {
        throw CallError.invalid([{ field: 'cursor', description: 'It is no cursor of this list.' }]);
      }
      return anyReply(toListPayload('plans', page));
    },
  };
}

function toRegions(payload: Payload): Payload {
  return toListPayload('regions', readPage(payload, 'regions'));
}

function toImages(payload: Payload): Payload {
  return toListPayload('images', readPage(payload, 'os'));
}

function toPlans(payload: Payload): Payload {
  return toListPayload('plans', readPage(payload, 'plans'));
}

import { type MaybeSoon, whenThere } from '../base/soon.ts';
import type {
  ListImagesRequest,
  ListPlansRequest,
  ListRegionsRequest,
} from '../gen/vultr/cloud/v1/cloud_service.ts';
import type { Payload } from '../payload/payload.ts';
import { type DerivePayload, derivedPayload } from '../payload/payload-memo.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply, worstOf } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { isPathValue } from '../transcoding/encode-http.ts';
import type { Cached, CatalogueReader } from './catalogue-reader.ts';
import { cutPage, readPage, toListPayload } from './paging.ts';

/** The handlers of what can be bought: regions, images, plans. */
export function createCatalogue(reader: CatalogueReader) {
  return {
    /** ListRegions: GET /v2/regions. */
    listRegions({ per_page, cursor }: ListRegionsRequest, call: Call): MaybeSoon<Reply> {
      const page = reader.page(call, 'listRegions', { per_page, cursor });
      return whenThere(page, (read) => pageReply(read, toRegions));
    },

    /** ListImages: GET /v2/os. */
    listImages({ per_page, cursor }: ListImagesRequest, call: Call): MaybeSoon<Reply> {
      const page = reader.page(call, 'listOs', { per_page, cursor });
      return whenThere(page, (read) => pageReply(read, toImages));
    },

    /** ListPlans: GET /v2/plans; of one region: those that GET /v2/regions/{id}/availability names, too. */
    listPlans(request: ListPlansRequest, call: Call): MaybeSoon<Reply> {
      const { region, type, os, per_page, cursor } = request;
      if (region !== undefined && region !== '') return listPlansOf(region, request, call);
      const page = reader.page(call, 'listPlans', { type, os, per_page, cursor });
      return whenThere(page, (read) => pageReply(read, toPlans));
    },
  };

  async function listPlansOf(
    region: string,
    { type, os, per_page, cursor }: ListPlansRequest,
    call: Call,
  ): Promise<Reply> {
    assertRegion(region);
    const [available, plans] = await Promise.all([
      reader.availablePlans(call, region),
      reader.all(call, 'listPlans', { type, os }),
    ]);
    const page = cutPage(
      plans.value.filter(({ id }) => available.value.has(id)),
      per_page,
      cursor,
    );
    if (page === undefined) {
      const description =
        'Not a cursor from this list. Use meta.Links.next or meta.Links.prev of the page before, with the same filters.';
      throw CallError.invalid([{ field: 'cursor', description }]);
    }
    return anyReply(toListPayload('plans', page), { cache: worstOf([available.cache, plans.cache]) });
  }
}

function pageReply({ value, cache }: Cached<Payload>, derive: DerivePayload): Reply {
  return anyReply(derivedPayload(value, derive), { cache });
}

/** A region that no path can hold is refused here, by the name that the caller gave it in. */
function assertRegion(region: string): void {
  if (isPathValue(region) && region.isWellFormed()) return;
  const description = 'Not a region id. ListRegions lists the regions.';
  throw CallError.invalid([{ field: 'region', description }]);
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

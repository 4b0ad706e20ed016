import { applications, applicationVariables, findImage } from '../catalogue/applications.ts';
import { metalPlans } from '../catalogue/metal-plans.ts';
import { operatingSystems } from '../catalogue/operating-systems.ts';
import { findPlan, hasType, isSoldIn, plans } from '../catalogue/plans.ts';
import { publicIsos } from '../catalogue/public-isos.ts';
import { findRegion, regions } from '../catalogue/regions.ts';
import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { ok, param, routes } from '../engine/call.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';

const PLAN_TYPES = new Set('all vc2 vdc vhf vhp voc voc-g voc-c voc-m voc-s vcg vx1 vbm'.split(' '));

/** Windows needs at least this much memory. */
export const WINDOWS_MIN_MEMORY_MB = 1024;

/** Regions, plans, operating systems, applications and public ISOs, which everybody may read without a key. */
export const catalogue: Resource = {
  routes: routes(
    {
      'GET /v2/regions': ({ query }) => ok(listBody('regions', regions, query)),
      'GET /v2/regions/{region_id}/availability': (call) =>
        ok({ available_plans: availablePlans(param(call, 'region_id'), planType(call.query)) }),
      'GET /v2/plans': ({ query }) => {
        const type = planType(query);
        const memoryMb = query.get('os') === 'windows' ? WINDOWS_MIN_MEMORY_MB : 0;
        const wanted = plans.filter((plan) => hasType(plan, type) && Number(plan['ram']) >= memoryMb);
        return ok(listBody('plans', wanted, query));
      },
      'GET /v2/plans-metal': ({ query }) => ok(listBody('plans_metal', metalPlans, query)),
      'GET /v2/os': ({ query }) => ok(listBody('os', operatingSystems, query)),
      'GET /v2/applications': ({ query }) =>
        ok(listBody('applications', applicationsOf(query.get('type')), query)),
      'GET /v2/applications/{image_id}/variables': (call) => {
        if (findImage(param(call, 'image_id')) === undefined) throw new ApiError(404, 'Invalid image ID');
        return ok({ variables: applicationVariables });
      },
      'GET /v2/iso-public': ({ query }) => ok(listBody('public_isos', publicIsos, query)),
    },
    false,
  ),
};

function planType(query: URLSearchParams): string | null {
  const type = query.get('type');
  if (type !== null && type !== '' && !PLAN_TYPES.has(type)) throw badRequest('Invalid plan type.');
  return type;
}

function availablePlans(regionId: string, type: string | null): Json[] {
  const region = findRegion(regionId);
  if (region === undefined) throw new ApiError(404, 'Invalid region ID');
  const candidates = type === 'vbm' ? metalPlans : plans.filter((plan) => hasType(plan, type));
  return candidates.filter((plan) => isSoldIn(plan, String(region['id']))).map((plan) => plan['id'] ?? '');
}

function applicationsOf(type: string | null): readonly JsonObject[] {
  if (type === null || type === '' || type === 'all') return applications;
  if (type !== 'marketplace' && type !== 'one-click') throw badRequest('Invalid application type.');
  return applications.filter((application) => application['type'] === type);
}

/** The plan and region in a create body. Throws Vultr's refusal of wrong ones. */
export function planInRegion(
  body: JsonObject,
  find: typeof findPlan = findPlan,
): { plan: JsonObject; region: string } {
  const plan = find(body['plan']);
  if (plan === undefined) throw badRequest('Invalid plan chosen.');
  const region = String(regionOf(body)['id']);
  if (!isSoldIn(plan, region)) throw badRequest('Plan is not available in the selected region');
  return { plan, region };
}

/** The region in a body. Throws Vultr's refusal of a wrong one. */
export function regionOf(body: JsonObject): JsonObject {
  const region = findRegion(body['region']);
  if (region === undefined) throw badRequest('Invalid region.');
  return region;
}

import { findMetalPlan, metalPlans } from '../catalogue/metal-plans.ts';
import { findPlan, hasType, isSoldIn, plans } from '../catalogue/plans.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, param, type Route, routes } from '../engine/call.ts';
import type { JsonObject } from '../engine/json.ts';
import { regionOf } from './catalogue.ts';

/** The plans of each kind of cluster. */
const KINDS: Record<string, readonly JsonObject[]> = {
  vps: plans.filter((plan) => hasType(plan, 'vcg')),
  'bare-metal': metalPlans,
  'gpu-fabric': metalPlans.filter(({ id }) => hasFabric(id)),
};

/** Which kinds of clusters are available, by region and by plan. */
export const availabilityRoutes: Route[] = [
  // Although this is a GET, the region is in the body.
  { method: 'GET', template: '/v2/clusters/availability', auth: true, readsBody: true, handle: byRegion },
  ...routes({
    'GET /v2/clusters/availability/{plan_id}': (call) => {
      const id = param(call, 'plan_id');
      const plan = findPlan(id) ?? findMetalPlan(id);
      if (plan === undefined) throw badRequest('Invalid plan chosen.');
      const locations = plan['locations'] ?? [];
      return ok({ locations, fabric_locations: hasFabric(id) ? locations : [] });
    },
  }),
];

function hasFabric(id: unknown): boolean {
  return String(id).endsWith('-gpu');
}

/** Without a known kind, all of them are shown. */
function byRegion(call: Call): ApiResponse {
  if (typeof call.body['region'] !== 'string') throw badRequest();
  const region = String(regionOf(call.body)['id']);
  const type = String(call.body['type'] ?? '');
  const kinds = Object.hasOwn(KINDS, type) ? [type] : Object.keys(KINDS);
  const availability = kinds.map((kind) => [
    kind,
    (KINDS[kind] ?? []).map((plan) => offer(plan, kind, region)),
  ]);
  return ok({ availability: Object.fromEntries(availability) as JsonObject });
}

function offer(plan: JsonObject, kind: string, region: string): JsonObject {
  const { id = '' } = plan;
  const isFabric = kind === 'gpu-fabric';
  return {
    id,
    description: `Cluster of ${String(id)}`,
    automation_type: isFabric ? 'ROCE' : '',
    available: isSoldIn(plan, region),
    gpu_fabric: isFabric,
    requires_fabric_manager: isFabric,
    key_type: isFabric ? 'VLANID' : '',
  };
}

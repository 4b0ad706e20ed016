import type { JsonObject } from '../engine/json.ts';
import { acceleratedLadder, optimizedLadder, type Rung, sharedLadders } from './plan-ladders.ts';

/** All 203 plans in the order of the API: vc2, vhf, vhp, voc, vcg; each followed by its surcharge twin. */
export const plans: readonly JsonObject[] = [
  ...sharedLadders,
  ...optimizedLadder,
  ...acceleratedLadder,
].flatMap((rung) =>
  rung.twinLocations === undefined ? [plan(rung)] : [plan(rung), twin(rung, rung.twinLocations)],
);

const byId = new Map(plans.map((each) => [String(each['id']), each]));

/** The plan of that id, or undefined. */
export const findPlan = (id: unknown): JsonObject | undefined => byId.get(String(id));

/** True when the plan can be deployed in the region. */
export function isSoldIn(candidate: JsonObject, region: string): boolean {
  const locations = candidate['locations'];
  return Array.isArray(locations) && locations.includes(region);
}

/** Whether a plan passes the filter `type`: a type, a family such as `voc-g`, or `all`. */
export function hasType(candidate: JsonObject, type: string | null): boolean {
  if (type === null || type === '' || type === 'all') return true;
  return (
    candidate['type'] === type || (type.startsWith('voc-') && String(candidate['id']).startsWith(`${type}-`))
  );
}

function plan(rung: Rung): JsonObject {
  const [, vcpus, memoryGb] = /-(\d+)c-([\d.]+)gb?(?:-|$)/.exec(rung.id) ?? [];
  const hoursPerMonth = rung.gpu?.type === 'NVIDIA_L40S' ? 672 : 730;
  return {
    id: rung.id,
    vcpu_count: Number(vcpus),
    ram: Number(memoryGb) * 1024,
    disk: rung.diskGb,
    disk_type: rung.diskType,
    disk_count: 1,
    bandwidth: rung.bandwidthGb,
    monthly_cost: rung.monthlyCost,
    hourly_cost: Math.round((rung.monthlyCost / hoursPerMonth) * 1000) / 1000,
    invoice_type: rung.type === 'vcg' ? 'hourly' : 'monthly',
    type: rung.type,
    locations: [...rung.locations],
    cpu_vendor: rung.id.endsWith('-amd') ? 'AMD' : 'Intel',
    storage_type: 'local_storage',
    vcpu_type: 'thread',
    ...(rung.gpu === undefined ? {} : { gpu_vram_gb: rung.gpu.vramGb, gpu_type: rung.gpu.type }),
  };
}

/** The twin of a plan: the same hardware at one and a half times the price. The API calls its processor Intel. */
function twin(rung: Rung, locations: readonly string[]): JsonObject {
  const base = plan({ ...rung, monthlyCost: rung.monthlyCost * 1.5, locations });
  return { ...base, id: `${rung.id}-sc1`, cpu_vendor: 'Intel' };
}

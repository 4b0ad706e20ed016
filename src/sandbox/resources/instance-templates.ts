import { applications } from '../catalogue/applications.ts';
import { findMetalPlan } from '../catalogue/metal-plans.ts';
import { findOs } from '../catalogue/operating-systems.ts';
import { findPlan } from '../catalogue/plans.ts';
import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import type { Call } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import type { Collection } from '../engine/collection.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import { checkUserData } from './user-data.ts';

/** Where the templates are stored. */
export const TEMPLATES = '/v2/instances/templates';

const INPUTS =
  'iso_id marketplace_app_id:integer marketplace_image_id:integer os_id:integer snapshot_id ssh_key_ids:strings vfs_ids:strings template:object';

const instanceTemplate: Collection = {
  list: TEMPLATES,
  item: `${TEMPLATES}/{instance_template_id}`,
  many: 'instance_templates',
  one: 'instance_template',
  missing: 'Invalid instance template ID',
  meta: false,
  dated: null,
  accepts: `plan! label ${INPUTS} user_data`,
  create: `${TEMPLATES} 200`,
  update: 'PUT 202',
  changes: `plan label ${INPUTS} user_data`,
  hide: INPUTS.replaceAll(/:\w+/g, ''),
  listHides: 'plan_details',
  initial: (call, given) => {
    check(call, given);
    return {};
  },
  changing: (call, _template, given) => {
    if (Object.keys(given).length === 0) throw badRequest();
    check(call, given);
  },
  view: (call, { fields }) => ({
    os: findOs(fields['os_id'])?.['name'] ?? '',
    marketplace_app: applicationOf(fields['marketplace_app_id'])?.['name'] ?? '',
    marketplace_image: applicationOf(fields['marketplace_image_id'])?.['image_id'] ?? '',
    snapshot: fields['snapshot_id'] ?? '',
    iso: fields['iso_id'] ?? '',
    ssh_keys: summaries(call, '/v2/ssh-keys', fields['ssh_key_ids'], 'name'),
    startup_script: '',
    disk_config: '',
    vfs_subscriptions: summaries(call, '/v2/vfs', fields['vfs_ids'], 'label'),
    plan_details: planDetails(fields['plan']),
  }),
};

/** Templates for the machines of clusters. */
export const instanceTemplates: Resource = { collections: [instanceTemplate] };

/** The one-click or marketplace application with that number. */
export const applicationOf = (id: Json | undefined): JsonObject | undefined =>
  applications.find((application) => application['id'] === Number(id));

const isGiven = (id: Json | undefined): boolean => id !== undefined && id !== '' && id !== 0;

function check(call: Call, given: JsonObject): void {
  const { plan, os_id: osId } = given;
  if (plan !== undefined && planOf(plan) === undefined) throw badRequest('Invalid plan chosen.');
  if (isGiven(osId) && findOs(osId) === undefined) throw badRequest('Invalid os_id.');
  for (const name of ['marketplace_app_id', 'marketplace_image_id']) {
    if (isGiven(given[name]) && applicationOf(given[name]) === undefined)
      throw badRequest(`Invalid ${name}.`);
  }
  const exists = (collection: string, id: Json | undefined, text: string): void => {
    if (isGiven(id)) named(call, collection, id, () => badRequest(text));
  };
  exists('/v2/iso', given['iso_id'], 'Invalid iso');
  exists('/v2/snapshots', given['snapshot_id'], 'Invalid snapshot ID');
  for (const id of textsOf(given['ssh_key_ids'])) exists('/v2/ssh-keys', id, 'Invalid ssh key.');
  for (const id of textsOf(given['vfs_ids'])) exists('/v2/vfs', id, 'Subscription ID Not Found.');
  checkUserData(given);
}

const planOf = (id: Json | undefined): JsonObject | undefined => findPlan(id) ?? findMetalPlan(id);

function summaries(call: Call, collection: string, ids: Json | undefined, member: string): JsonObject[] {
  return textsOf(ids).map((id) => ({
    id,
    [member]: call.world.store.get(collection, id)?.fields[member] ?? '',
  }));
}

/** The plan as a template shows it, with its prices as strings. */
function planDetails(id: Json | undefined): JsonObject {
  const plan = planOf(id) ?? {};
  const text = (name: string): string => String(plan[name] ?? '');
  const count = (name: string): number => Number(plan[name] ?? 0);
  return {
    name: text('id'),
    type: text('type'),
    cpu_count: plan['vcpu_count'] ?? plan['cpu_count'] ?? 0,
    cpu_vendor: text('cpu_vendor') || text('cpu_manufacturer'),
    memory_mb: count('ram'),
    disk_gb: count('disk'),
    disk_type: text('disk_type'),
    disk_num: count('disk_count'),
    bandwidth_tb: Math.round((count('bandwidth') / 1024) * 100) / 100,
    gpu_type: text('gpu_type'),
    gpu_vram_gb: count('gpu_vram_gb'),
    price: count('monthly_cost').toFixed(2),
    price_hr: count('hourly_cost').toFixed(3),
  };
}

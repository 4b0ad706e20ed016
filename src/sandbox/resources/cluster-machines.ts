import { findMetalPlan } from '../catalogue/metal-plans.ts';
import { badRequest } from '../engine/api-error.ts';
import type { Call } from '../engine/call.ts';
import { type Collection, createEntity } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import { bareMetal } from './bare-metals.ts';
import { planInRegion } from './catalogue.ts';
import { sourceOf } from './instance-create.ts';
import { applicationOf, TEMPLATES } from './instance-templates.ts';
import { instanceRow } from './instances.ts';

/** The default operating system of the machines: Ubuntu 24.04. */
const DEFAULT_OS = 2284;

/** Machines of one kind that a cluster needs. */
interface Order {
  row: Collection;
  count: number;
  fields: JsonObject;
  isHeadNode: boolean;
}

/** The place of a machine in a cluster. */
export interface Member extends JsonObject {
  id: string;
  is_head_node: boolean;
}

/** The plan of a cluster's machines: its own, or that of its template. */
export const machinePlan = (call: Call, fields: JsonObject): Json =>
  fields['plan'] || (templateOf(call, fields['instance_template'])['plan'] ?? '');

/** The kind of a cluster, which follows from the plan of its machines. */
export function kindOf({ gpu_fabric: gpuFabric, machine_plan: plan }: JsonObject): string {
  if (gpuFabric === true) return 'fabric';
  return findMetalPlan(plan) === undefined ? 'vps' : 'bare-metal';
}

/** Refuses a cluster whose machines cannot be created. */
export function checkMachines(call: Call, cluster: JsonObject): void {
  const orders = ordersOf(call, cluster);
  for (const { row, fields } of orders) {
    planInRegion(fields, row === bareMetal ? findMetalPlan : undefined);
    sourceOf(call, fields);
  }
  const { store, maxInstances } = call.world;
  const wanted = orders.filter(({ row }) => row === instanceRow).reduce((sum, { count }) => sum + count, 0);
  if (store.count(instanceRow.list) + wanted > maxInstances) {
    throw badRequest(`Server add failed: this sandbox keeps at most ${maxInstances} instances. Delete some.`);
  }
}

/** Creates the machines of a cluster. They are ordinary instances, and stay when the cluster is deleted. */
export function buyMachines(call: Call, cluster: JsonObject): Member[] {
  return ordersOf(call, cluster).flatMap(({ row, count, fields, isHeadNode }) =>
    Array.from({ length: count }, (_, at) => {
      const given = readFields(parseFields(row.accepts ?? ''), { ...fields, label: labelOf(fields, at) });
      return { id: createEntity(row, { ...call, body: {} }, given).id, is_head_node: isHeadNode };
    }),
  );
}

const labelOf = ({ label = '' }: JsonObject, at: number): string => `${String(label || 'cluster')}-${at + 1}`;

function ordersOf(call: Call, cluster: JsonObject): Order[] {
  const { region = '', label = '', hostname = '', vpc_ids: vpcs = [] } = cluster;
  const common = { region, hostname, attach_vpc: vpcs };
  const count = Number(cluster['desired_pool_count']);
  const template = templateOf(call, cluster['instance_template']);
  const pool = madeFrom(cluster, cluster['plan'], template);
  const orders = [order({ ...common, ...pool, label }, count, false)];
  if (cluster['use_head_node'] !== true) return orders;
  const headTemplate = templateOf(call, cluster['head_node_template']);
  const head = madeFrom(cluster, cluster['head_node_plan'], headTemplate);
  return [order({ ...common, ...head, label: `${String(label || 'cluster')}-head` }, 1, true), ...orders];
}

function order(fields: JsonObject, count: number, isHeadNode: boolean): Order {
  const row = findMetalPlan(fields['plan']) === undefined ? instanceRow : bareMetal;
  return { row, count, fields, isHeadNode };
}

const templateOf = (call: Call, id: Json | undefined): JsonObject =>
  call.world.store.get(TEMPLATES, String(id))?.fields ?? {};

/**
 * The plan and system of a machine: those of the template if there is one, or else those in the cluster's create body.
 */
function madeFrom(cluster: JsonObject, plan: Json | undefined, template: JsonObject): JsonObject {
  if (plan) return { plan, ...systemOf(cluster, cluster['app_id'], cluster['image_id']) };
  const { ssh_key_ids: keys = [], user_data: userData = '', plan: templatePlan = '' } = template;
  const system = systemOf(template, template['marketplace_app_id'], template['marketplace_image_id']);
  return { plan: templatePlan, sshkey_id: keys, user_data: userData, ...system };
}

/** The first source that is given, as in the create body of an instance. */
function systemOf(given: JsonObject, appId: Json | undefined, imageId: Json | undefined): JsonObject {
  const { os_id: osId, snapshot_id: snapshotId, iso_id: isoId } = given;
  if (osId) return { os_id: osId };
  if (snapshotId) return { snapshot_id: snapshotId };
  if (isoId) return { iso_id: isoId };
  const application = applicationOf(appId || imageId);
  if (application?.['type'] === 'one-click') return { app_id: application['id'] ?? 0 };
  if (application !== undefined) return { image_id: application['image_id'] ?? '' };
  if (appId) return { app_id: appId };
  return imageId ? { image_id: String(imageId) } : { os_id: DEFAULT_OS };
}

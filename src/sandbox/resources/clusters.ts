import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, ok, routes } from '../engine/call.ts';
import { named, textsOf } from '../engine/checks.ts';
import { type Collection, createEntity, oneResponse, show } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import type { Entity } from '../engine/store.ts';
import { regionOf } from './catalogue.ts';
import { availabilityRoutes } from './cluster-availability.ts';
import { buyMachines, checkMachines, kindOf, machinePlan } from './cluster-machines.ts';
import { membershipRoutes, membersShown } from './cluster-members.ts';
import { metricsOf } from './cluster-metrics.ts';
import { TEMPLATES } from './instance-templates.ts';
import { vpcKind } from './network-attach.ts';
import { vfs } from './storage.ts';

const CLUSTERS = '/v2/clusters';
const CLUSTER = `${CLUSTERS}/{cluster_id}`;
const MAX_POOL_COUNT = 100;

const FIELDS = parseFields(
  'region! plan instance_template label min_pool_count:integer=1 desired_pool_count:integer hostname pkey:integer vlanid:integer notify_activate:boolean os_id:integer app_id:integer gpu_fabric:boolean vfs_ids:strings use_vfs:boolean vfs_label vfs_storage_size:object use_head_node:boolean head_node_plan head_node_template vpc_ids:strings',
);
const VFS_FIELDS = parseFields(vfs.accepts ?? '');

const cluster: Collection = {
  list: CLUSTERS,
  item: CLUSTER,
  many: 'clusters',
  one: 'cluster',
  missing: 'Invalid cluster ID',
  omit: 'list',
  remove: true,
  update: 'PUT 202',
  changes: 'label min_pool_count:integer desired_pool_count:integer hostname vpc_ids:strings',
  hide: 'pkey vlanid notify_activate os_id app_id gpu_fabric vfs_ids use_vfs vfs_label vfs_storage_size use_head_node head_node_plan head_node_template image_id vpc_ids members machine_plan',
  initial: freshCluster,
  becomes: () => ({ status: 'active', state: 'running' }),
  created: (call, { fields }) => {
    fields['members'] = buyMachines(call, fields);
    if (fields['use_vfs'] === true) fields['vfs_ids'] = [...textsOf(fields['vfs_ids']), buyVfs(call, fields)];
  },
  changing: (call, { fields }, given) => {
    checkPool({ ...fields, ...given });
    checkVpcs(call, { ...fields, ...given });
  },
  view: (call, { fields }) => ({
    // The plan was noted at the creation, because the template may have been deleted since.
    plan: fields['machine_plan'] ?? '',
    cluster_type: kindOf(fields),
    type: kindOf(fields),
    ...(fields['use_head_node'] === true
      ? { head_node_instance_template_id: fields['head_node_template'] ?? '' }
      : {}),
    instances: membersShown(call, fields),
    vpc_networks: textsOf(fields['vpc_ids']).map((id) => ({
      id,
      description: call.world.store.get(vpcKind.collection, id)?.fields['description'] ?? '',
    })),
    vfs: textsOf(fields['vfs_ids']).map((id) => ({
      id,
      label: call.world.store.get(vfs.list, id)?.fields['label'] ?? '',
    })),
  }),
};

/** Compute clusters: groups of machines, which are not Kubernetes clusters. */
export const clusters: Resource = {
  collections: [cluster],
  routes: [
    ...availabilityRoutes,
    ...membershipRoutes(CLUSTER),
    ...routes({
      [`GET ${CLUSTERS}`]: (call) => ok(listBody('clusters', listed(call), call.query)),
      [`POST ${CLUSTERS}`]: create,
      [`GET ${CLUSTER}/metrics`]: (call) => ok({ metrics: metricsOf(call) }),
    }),
  ],
};

function create(call: Call): ApiResponse {
  const given = readFields(FIELDS, call.body);
  // The documentation has a number here, but every other operation has the slug.
  const image = call.body['image_id'];
  if (image !== undefined && typeof image !== 'string' && typeof image !== 'number')
    throw badRequest('Invalid image_id.');
  return oneResponse(cluster, call, createEntity(cluster, call, { ...given, image_id: image ?? '' }), 200);
}

/** Checks the body of a create. Throws an ApiError 400 for the first rule that it breaks. */
function freshCluster(call: Call, given: JsonObject): JsonObject {
  const region = regionOf(given)['id'] ?? '';
  exactlyOne(given, ['plan', 'instance_template']);
  if (given['use_vfs'] === true) vfs.initial?.(call, buyableVfs(region, given));
  if (given['use_head_node'] === true) {
    exactlyOne(given, ['head_node_plan', 'head_node_template']);
    if (given['head_node_plan'] !== '') exactlyOne(given, ['os_id', 'app_id', 'image_id']);
  }
  for (const name of ['instance_template', 'head_node_template']) {
    if (given[name] !== '')
      named(call, TEMPLATES, given[name], () => badRequest('Invalid instance template ID'));
  }
  const desired = given['desired_pool_count'] || (given['min_pool_count'] ?? 0);
  const pool: JsonObject = { ...given, region, desired_pool_count: desired };
  checkPool(pool);
  checkVpcs(call, pool);
  for (const id of textsOf(given['vfs_ids']))
    named(call, vfs.list, id, () => badRequest('Subscription ID Not Found.'));
  checkMachines(call, pool);
  return {
    region,
    desired_pool_count: desired,
    status: 'pending',
    state: 'provisioning',
    machine_plan: machinePlan(call, given),
    members: [],
  };
}

function exactlyOne(given: JsonObject, names: readonly string[]): void {
  const count = names.filter((name) => given[name] !== '' && given[name] !== 0).length;
  if (count !== 1) throw badRequest(`Exactly one of ${names.join(', ')} is required.`);
}

function checkPool({ min_pool_count: min, desired_pool_count: desired }: JsonObject): void {
  const [low, wanted] = [Number(min), Number(desired)];
  if (low < 1) throw badRequest('Invalid min_pool_count.');
  if (wanted < low || wanted > MAX_POOL_COUNT) throw badRequest('Invalid desired_pool_count.');
}

function checkVpcs(call: Call, given: JsonObject): void {
  for (const id of textsOf(given['vpc_ids'])) {
    const network = named(call, vpcKind.collection, id, () => badRequest(vpcKind.missing));
    if (network.fields['region'] !== given['region']) throw badRequest(vpcKind.missing);
  }
}

/** The create body of the file system that is made together with a cluster. */
function buyableVfs(
  region: Json,
  { vfs_label: label = '', vfs_storage_size: size = {} }: JsonObject,
): JsonObject {
  if (label === '' || !isObject(size) || size['gb'] === undefined)
    throw badRequest('use_vfs requires vfs_label and vfs_storage_size.');
  return readFields(VFS_FIELDS, { region, label, storage_size: size });
}

const buyVfs = (call: Call, fields: JsonObject): string =>
  createEntity(vfs, call, buyableVfs(fields['region'] ?? '', fields)).id;

/** The list contains Kubernetes clusters, too. Only there does `type` tell the two apart. */
function listed(call: Call): JsonObject[] {
  const { store } = call.world;
  const own = store.list(CLUSTERS).map((entity) => {
    const { instance_template: _template, ...shown } = show(cluster, call, entity);
    return { ...shown, type: 'cluster' };
  });
  return [...own, ...store.list('/v2/kubernetes/clusters').map(kubernetesShown)];
}

const kubernetesShown = ({ id, fields }: Entity): JsonObject => ({
  id,
  region: fields['region'] ?? '',
  label: fields['label'] ?? '',
  plan: '',
  min_pool_count: 0,
  desired_pool_count: 0,
  hostname: '',
  status: fields['status'] ?? '',
  state: fields['status'] === 'active' ? 'running' : 'provisioning',
  date_created: fields['date_created'] ?? '',
  cluster_type: 'vke',
  type: 'vke',
  instances: [],
  vpc_networks: [],
});

import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, fill, noContent, ok, owner, param, routes, target } from '../engine/call.ts';
import { type Collection, createEntity } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import type { Entity } from '../engine/store.ts';
import { planInRegion } from './catalogue.ts';
import { subnetOf } from './network-attach.ts';
import { checkUserData } from './user-data.ts';

/** Versions on offer, newest first. */
const VERSIONS = ['v1.36.1+3', 'v1.35.4+1', 'v1.34.7+1'];

const CLUSTERS = '/v2/kubernetes/clusters';
const CLUSTER = `${CLUSTERS}/{vke_id}`;
const POOL = `${CLUSTER}/node-pools/{nodepool_id}`;
const MAX_NODES = 100;

/** The OpenID Connect settings of a cluster that was created without any. */
const NO_OIDC: JsonObject = { issuer_url: '', client_id: '', username_claim: '', groups_claim: '' };

const cluster: Collection = {
  list: CLUSTERS,
  item: CLUSTER,
  many: 'vke_clusters',
  one: 'vke_cluster',
  missing: 'Invalid resource ID',
  accepts:
    'label region! version! vpc_id ha_controlplanes:boolean enable_firewall:boolean oidc:object node_pools:objects!',
  update: 'PUT 204',
  changes: 'label! oidc:object',
  initial: (call, given) => {
    const pools = given['node_pools'];
    if (!Array.isArray(pools) || pools.length === 0) throw badRequest();
    if (!VERSIONS.includes(String(given['version']))) throw badRequest('Invalid version.');
    for (const pool of pools) checkPool(isObject(pool) ? pool : {}, String(given['region']));
    return {
      oidc: { ...NO_OIDC, ...(isObject(given['oidc']) ? given['oidc'] : {}) },
      status: 'pending',
      ip: '0.0.0.0',
      endpoint: '',
      cluster_subnet: '10.244.0.0/16',
      service_subnet: '10.96.0.0/12',
      firewall_group_id: given['enable_firewall'] === true ? call.world.random.uuid() : '',
    };
  },
  created: (call, made) => {
    const pools = made.fields['node_pools'];
    delete made.fields['node_pools'];
    const below = { ...call, params: { vke_id: made.id }, found: [made] };
    for (const pool of Array.isArray(pools) ? pools : []) {
      if (isObject(pool)) createEntity(nodePool, below, readFields(POOL_FIELDS, pool));
    }
    made.fields['endpoint'] = `${made.id}.vultr-k8s.com`;
  },
  becomes: ({ random }) => ({ status: 'active', ip: random.ipv4() }),
  hide: 'enable_firewall',
  view: ({ world }, { id, fields }) => ({
    vpcs: vpcsOf(world, fields['vpc_id']),
    node_pools: world.store
      .list(`${CLUSTERS}/${id}/node-pools`)
      .map((pool) => ({ ...pool.fields, ...insideOf(world, id, pool) })),
  }),
};

const nodePool: Collection = {
  list: `${CLUSTER}/node-pools`,
  item: POOL,
  many: 'node_pools',
  one: 'node_pool',
  missing: 'Invalid NodePool ID',
  accepts:
    'node_quantity:integer! label! plan! tag auto_scaler:boolean min_nodes:integer=1 max_nodes:integer=1 labels:object taints:objects user_data vpc_only:boolean',
  update: 'PATCH 202',
  changes:
    'node_quantity:integer tag auto_scaler:boolean min_nodes:integer max_nodes:integer labels:object taints:objects user_data',
  hide: 'labels taints',
  initial: (call, given) => {
    checkPool(given, String(owner(call).fields['region']));
    return { status: 'pending', date_updated: call.world.clock.isoNow() };
  },
  becomes: () => ({ status: 'active' }),
  created: (call, pool) => {
    setNodeCount(call, pool, Number(pool.fields['node_quantity']));
    takeMarks(call, pool, pool.fields);
  },
  changing: (call, pool, given) => {
    checkUserData(given);
    if (given['node_quantity'] !== undefined) {
      checkQuantity(given['node_quantity']);
      setNodeCount(call, pool, Number(given['node_quantity']));
    }
    takeMarks(call, pool, given);
  },
  view: (call, pool) => insideOf(call.world, owner(call).id, pool),
};
const POOL_FIELDS = parseFields(nodePool.accepts ?? '');

const node: Collection = {
  list: `${POOL}/nodes`,
  item: `${POOL}/nodes/{node_id}`,
  many: 'worker_nodes',
  one: null,
  missing: 'Invalid node ID',
  omit: 'get',
  remove: true,
  removing: (call) => {
    const pool = call.found[1];
    if (pool === undefined) return;
    if (Number(pool.fields['node_quantity']) <= 1) throw badRequest('A node pool needs at least one node.');
    pool.fields['node_quantity'] = Number(pool.fields['node_quantity']) - 1;
  },
};

const label: Collection = {
  list: `${POOL}/labels`,
  item: `${POOL}/labels/{label_id}`,
  many: 'labels',
  one: 'label',
  missing: 'Invalid label ID',
  dated: null,
  meta: false,
  accepts: 'key! value!',
};

const taint: Collection = {
  ...label,
  list: `${POOL}/taints`,
  item: `${POOL}/taints/{taint_id}`,
  many: 'taints',
  one: 'taint',
  missing: 'Invalid taint ID',
  accepts: 'key! value! effect!',
};

/** Kubernetes clusters with their node pools. */
export const kubernetes: Resource = {
  collections: [cluster, nodePool, node, label, taint],
  routes: [
    ...routes({ 'GET /v2/kubernetes/versions': () => ok({ versions: VERSIONS }) }, false),
    ...routes({
      [`GET ${CLUSTER}/available-upgrades`]: (call) => ok({ available_upgrades: upgradesOf(target(call)) }),
      [`POST ${CLUSTER}/upgrades`]: (call) => {
        const version = String(call.body['upgrade_version'] ?? '');
        if (!upgradesOf(target(call)).includes(version)) throw badRequest('Invalid version.');
        target(call).fields['version'] = version;
        return { status: 202 };
      },
      [`GET ${CLUSTER}/config`]: (call) => {
        const { endpoint } = target(call).fields;
        const config = `apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://${String(endpoint)}:6443\n`;
        return ok({ kube_config: Buffer.from(config).toString('base64') });
      },
      [`GET ${CLUSTER}/resources`]: () => ok({ resources: { block_storage: [], load_balancer: [] } }),
      [`DELETE ${CLUSTER}/delete-with-linked-resources`]: (call) => {
        call.world.store.remove(CLUSTERS, target(call).id);
        return noContent;
      },
      [`POST ${POOL}/nodes/{node_id}/recycle`]: (call) => {
        const old = target(call);
        call.world.store.remove(fill(node.list, call.params), param(call, 'node_id'));
        addNode(call, fill(node.list, call.params), String(old.fields['label']));
        return noContent;
      },
    }),
  ],
};

type World = Call['world'];

const vpcsOf = ({ store }: World, id: Json | undefined): JsonObject[] =>
  typeof id === 'string' && id !== '' ? [{ id, subnet: subnetOf(store.get('/v2/vpcs', id)) }] : [];

/** The members of a pool that come from the collections inside it. */
function insideOf({ store }: World, clusterId: string, { id }: Entity): JsonObject {
  const listed = (segment: string): JsonObject[] =>
    store.list(`${CLUSTERS}/${clusterId}/node-pools/${id}/${segment}`).map(({ fields }) => ({ ...fields }));
  return {
    nodes: listed('nodes'),
    labels: Object.fromEntries(listed('labels').map(({ key, value = '' }) => [String(key), value])),
    taints: listed('taints').map(({ id: _id, ...each }) => each),
  };
}

function upgradesOf({ fields }: Entity): string[] {
  return VERSIONS.slice(0, VERSIONS.indexOf(String(fields['version'])));
}

function checkPool(pool: JsonObject, region: string): void {
  readFields(POOL_FIELDS, pool);
  checkUserData(pool);
  checkQuantity(pool['node_quantity']);
  planInRegion({ ...pool, region });
}

function checkQuantity(quantity: unknown): void {
  if (Number(quantity) >= 1 && Number(quantity) <= MAX_NODES) return;
  throw new ApiError(400, `Invalid node_quantity. Must be between 1 and ${MAX_NODES}.`);
}

function setNodeCount(call: Call, pool: Entity, wanted: number): void {
  const path = `${CLUSTERS}/${owner(call).id}/node-pools/${pool.id}/nodes`;
  const { store } = call.world;
  for (const { id } of store.all(path).slice(wanted)) store.remove(path, id);
  while (store.count(path) < wanted)
    addNode(call, path, `${String(pool.fields['label'])}-${call.world.random.hex(12)}`);
}

function addNode(call: Call, path: string, name: string): void {
  const { store, random, clock, lag } = call.world;
  const id = random.uuid();
  const made = store.add(path, id, {
    id,
    label: name,
    date_created: clock.isoNow(),
    status: 'pending',
    ip: '0.0.0.0',
    private_ip: '',
  });
  const privateIp = `10.1.96.${random.integer(3, 250)}`;
  store.schedule(made, lag.provisionMs, { status: 'active', ip: random.ipv4(), private_ip: privateIp });
}

/** Moves the labels and taints in a pool's body to the collections of their own in which they are stored. */
function takeMarks(call: Call, pool: Entity, given: JsonObject): void {
  const { labels, taints } = given;
  delete given['labels'];
  delete given['taints'];
  const { store, random } = call.world;
  const replace = (segment: string, entries: readonly JsonObject[]): void => {
    const path = `${CLUSTERS}/${owner(call).id}/node-pools/${pool.id}/${segment}`;
    for (const { id } of store.all(path)) store.remove(path, id);
    for (const entry of entries) {
      const id = random.uuid();
      store.add(path, id, { id, ...entry });
    }
  };
  if (isObject(labels))
    replace(
      'labels',
      Object.entries(labels).map(([key, value]) => ({ key, value })),
    );
  if (Array.isArray(taints)) replace('taints', taints.filter(isObject));
}

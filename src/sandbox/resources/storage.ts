import { findRegion } from '../catalogue/regions.ts';
import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type ApiResponse, type Call, noContent, ok, owner, param, routes, target } from '../engine/call.ts';
import { named } from '../engine/checks.ts';
import type { Collection } from '../engine/collection.ts';
import { isObject, type JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { bucketPolicyRoutes, bucketRow } from './bucket-policies.ts';
import { regionOf } from './catalogue.ts';

const OBJECTS = '/v2/object-storage/{object_storage_id}';
const VFS = '/v2/vfs/{vfs_id}';

const CLUSTERS: JsonObject[] = ['ewr', 'sjc', 'ams', 'blr', 'sgp'].map((region, at) => ({
  id: at + 2,
  region,
  name: `${region.toUpperCase()} Object Storage`,
  hostname: `${region}1.vultrobjects.com`,
  deploy: at === 4 ? 'no' : 'yes',
}));
const TIERS: JsonObject[] = ['Archival', 'Standard', 'Premium', 'Performance'].map((name, at) => ({
  id: at + 1,
  sales_name: name,
  sales_desc: `${name} object storage`,
  price: [6, 18, 36, 50][at] ?? 0,
  bw_gb_price: 0.01,
  disk_gb_price: 0.018,
  ratelimit_ops_secs: 400 * (at + 1),
  ratelimit_ops_bytes: 629_145_600,
  is_default: at === 1 ? 'yes' : 'no',
  slug: `tier_${name.toLowerCase()}`,
  locations: CLUSTERS.map((each) => ({ ...each })),
}));

const objectStorage: Collection = {
  list: '/v2/object-storage',
  item: OBJECTS,
  many: 'object_storages',
  one: 'object_storage',
  missing: 'Invalid object storage ID',
  accepts: 'cluster_id:integer! tier_id:integer! label',
  create: '/v2/object-storage 202',
  update: 'PUT 204',
  changes: 'label!',
  hide: 'tier_id',
  initial: (_call, given) => {
    const cluster = CLUSTERS.find(({ id }) => id === given['cluster_id']);
    if (cluster?.['deploy'] !== 'yes') throw badRequest('Invalid cluster ID');
    if (!TIERS.some(({ id }) => id === given['tier_id']))
      throw badRequest('Invalid tier specified for this location');
    return {
      region: cluster['region'] ?? '',
      location: findRegion(cluster['region'])?.['city'] ?? '',
      status: 'pending',
      s3_hostname: '',
      s3_access_key: '',
      s3_secret_key: '',
    };
  },
  view: (_call, { fields }) => ({ tier: tierOf(fields['tier_id']) }),
  becomes: (world, { fields }) => {
    const cluster = CLUSTERS.find(({ id }) => id === fields['cluster_id']);
    return { status: 'active', s3_hostname: cluster?.['hostname'] ?? '', ...s3Keys(world) };
  },
};

/** The collection of virtual file systems. */
export const vfs: Collection = {
  list: '/v2/vfs',
  item: VFS,
  many: 'vfs',
  one: null,
  missing: 'Subscription ID Not Found.',
  accepts: 'region! label! storage_size:object! disk_type=nvme tags:strings',
  update: 'PUT 200',
  changes: 'label storage_size:object',
  initial: (_call, given) => ({
    region: regionOf(given)['id'] ?? '',
    status: 'pending',
    storage_size: sizeOf(given['storage_size']),
    storage_used: { bytes: 0, gb: 0 },
    billing: { charges: 0, monthly: Number(sizeOf(given['storage_size'])['gb']) * 0.1 },
  }),
  becomes: () => ({ status: 'active' }),
  changing: (_call, _entity, given) => {
    if (given['storage_size'] !== undefined) given['storage_size'] = sizeOf(given['storage_size']);
  },
  removing: ({ world }, { id }) => {
    if (world.store.count(`/v2/vfs/${id}/attachments`) === 0) return;
    // This is how Vultr spells it.
    throw badRequest('Can not delete this subscription until it is detatched from all machines');
  },
};

const vfsAttachment: Collection = {
  list: `${VFS}/attachments`,
  item: `${VFS}/attachments/{target_id}`,
  many: 'attachments',
  one: null,
  missing: 'Attachment Not Found',
  meta: false,
  remove: true,
  putCreates: true,
};

const gateway: Collection = {
  list: '/v2/storage-gateways',
  item: '/v2/storage-gateways/{storage_gateway_id}',
  // The key of the list is singular.
  many: 'storage_gateway',
  one: 'storage_gateway',
  missing: 'Invalid storage gateway ID',
  accepts: 'label! type! region! export_config:objects!',
  create: '/v2/storage-gateways 202',
  update: 'PUT 204',
  changes: 'label!',
  initial: (call, given) => {
    // The sources disagree on whether this is an object or an array.
    const network = call.body['network_config'];
    if (network === undefined) throw badRequest();
    const exports = Array.isArray(given['export_config']) ? given['export_config'] : [];
    return {
      region: regionOf(given)['id'] ?? '',
      status: 'pending',
      network_config: network,
      export_config: exports.map((each) => withId(call, each)),
    };
  },
  becomes: () => ({ status: 'active' }),
};

/** Object storage, virtual file systems and storage gateways. */
export const storage: Resource = {
  collections: [objectStorage, bucketRow(OBJECTS), vfs, vfsAttachment, gateway],
  routes: [
    ...bucketPolicyRoutes(OBJECTS),
    ...routes(
      {
        'GET /v2/object-storage/clusters': ({ query }) => ok(listBody('clusters', CLUSTERS, query)),
        'GET /v2/object-storage/clusters/{cluster_id}/tiers': (call) => {
          const known = CLUSTERS.some(({ id }) => String(id) === param(call, 'cluster_id'));
          if (!known) throw new ApiError(404, 'Invalid cluster ID');
          return ok({ tiers: TIERS });
        },
      },
      false,
    ),
    ...routes({
      'GET /v2/object-storage/tiers': () => ok({ tiers: TIERS }),
      [`POST ${OBJECTS}/regenerate-keys`]: (call) => {
        const { fields } = target(call);
        Object.assign(fields, s3Keys(call.world));
        const { s3_hostname = '', s3_access_key = '', s3_secret_key = '' } = fields;
        return { status: 201, body: { s3_credentials: { s3_hostname, s3_access_key, s3_secret_key } } };
      },
      'GET /v2/vfs/regions': () =>
        ok({ regions: ['ewr', 'ord', 'lax', 'ams', 'fra', 'nrt', 'sgp', 'blr'].map((id) => ({ id })) }),
      [`PUT ${VFS}/attachments/{target_id}`]: attachVfs,
      'POST /v2/storage-gateways/{storage_gateway_id}/exports': (call) => {
        const { fields } = target(call);
        if (call.list.length === 0) throw badRequest();
        fields['export_config'] = [...exportsOf(fields), ...call.list.map((each) => withId(call, each))];
        // This is the documented key, although it looks like a mistake.
        return ok({ vpc: { ...fields } });
      },
      'DELETE /v2/storage-gateways/{storage_gateway_id}/exports/{export_id}': (call) => {
        const { fields } = target(call);
        const kept = exportsOf(fields).filter((each) => String(each['id']) !== param(call, 'export_id'));
        if (kept.length === exportsOf(fields).length) throw new ApiError(404, 'Invalid export ID');
        fields['export_config'] = kept;
        return noContent;
      },
    }),
  ],
};

/** A tier as an object storage shows it, with another name for its id. */
function tierOf(tierId: unknown): JsonObject {
  const { id = 0, ...tier } = TIERS.find((each) => each['id'] === tierId) ?? {};
  return { OBJSTORETIERID: id, ...tier };
}

const s3Keys = ({ random }: Call['world']): JsonObject => ({
  s3_access_key: random.hex(20).toUpperCase(),
  s3_secret_key: random.password() + random.password(),
});

const exportsOf = ({ export_config: exports }: JsonObject): JsonObject[] =>
  Array.isArray(exports) ? exports.filter(isObject) : [];

function withId({ world }: Call, entry: unknown): JsonObject {
  if (!isObject(entry)) throw badRequest();
  return { id: world.nextNumber(), ...entry };
}

function sizeOf(size: unknown): JsonObject {
  const gb = isObject(size) ? Number(size['gb']) : 0;
  if (!Number.isSafeInteger(gb) || gb < 10) throw badRequest('Invalid storage_size. gb must be at least 10.');
  return { gb, bytes: gb * 1024 ** 3 };
}

function attachVfs(call: Call): ApiResponse {
  const machine = named(call, '/v2/instances', param(call, 'target_id'), () =>
    badRequest('Invalid instance-id.'),
  );
  const share = owner(call);
  if (machine.fields['region'] !== share.fields['region'])
    throw badRequest('Server is not in the same region');
  const path = `/v2/vfs/${share.id}/attachments`;
  const fields = {
    state: 'ATTACHED',
    vfs_id: share.id,
    target_id: machine.id,
    mount_tag: call.world.nextNumber(),
  };
  call.world.store.add(path, machine.id, fields);
  return { status: 201, body: { ...fields } };
}

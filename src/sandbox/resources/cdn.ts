import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { type Call, ok, param, routes, target } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import { parseFields, readFields } from '../engine/fields.ts';
import type { JsonObject } from '../engine/json.ts';

const FILES = '/v2/cdns/push-zones/{pushzone_id}/files';
const ZONE_FIELDS =
  'label! vanity_domain ssl_cert ssl_cert_key cors:boolean gzip:boolean block_ai:boolean block_bad_bots:boolean regions:strings';

const fresh = ({ world }: Call): JsonObject => ({
  status: 'pending',
  cdn_url: `https://${world.random.hex(16)}.cdn.vultrcdn.com`,
  cache_size: 50_000_000,
  requests: 0,
  // The documentation and the Go client use different names for these three.
  bytes_in: 0,
  in_bytes: 0,
  bytes_out: 0,
  out_bytes: 0,
  packets_per_second: 0,
  packets_per_sec: 0,
  last_purge: '',
});

const pullZone: Collection = {
  list: '/v2/cdns/pull-zones',
  item: '/v2/cdns/pull-zones/{pullzone_id}',
  many: 'pull_zones',
  one: 'pull_zone',
  missing: 'Invalid pull zone ID',
  accepts: `${ZONE_FIELDS} origin_scheme! origin_domain!`,
  update: 'PUT 200',
  hide: 'ssl_cert ssl_cert_key',
  initial: fresh,
  becomes: () => ({ status: 'active' }),
};

const pushZone: Collection = {
  list: '/v2/cdns/push-zones',
  item: '/v2/cdns/push-zones/{pushzone_id}',
  many: 'push_zones',
  one: 'push_zone',
  missing: 'Invalid push zone ID',
  accepts: ZONE_FIELDS,
  update: 'PUT 200',
  hide: 'ssl_cert ssl_cert_key',
  initial: fresh,
  becomes: () => ({ status: 'active' }),
};

const file: Collection = {
  list: FILES,
  item: `${FILES}/{file_name}`,
  many: 'files',
  one: 'file',
  missing: 'Invalid file',
  omit: 'list',
  remove: true,
  both: 'all',
};

/** Content delivery: pull zones, push zones and their files. */
export const cdn: Resource = {
  collections: [pullZone, pushZone, file],
  routes: routes({
    // This GET does something, and its response is an empty array.
    'GET /v2/cdns/pull-zones/{pullzone_id}/purge': (call) => {
      target(call).fields['last_purge'] = call.world.clock.isoNow();
      return { status: 202, body: [] };
    },
    [`GET ${FILES}`]: (call) => {
      const files = call.world.store
        .list(`/v2/cdns/push-zones/${target(call).id}/files`)
        .map(({ fields }) => ({ ...fields }));
      const totalSize = files.reduce((sum, { size }) => sum + Number(size), 0);
      return ok({ files, count: files.length, total_size: totalSize });
    },
    // The upload itself goes to another host, so the file counts as uploaded at once.
    [`POST ${FILES}`]: (call) => {
      const { name = '', size = 0 } = readFields(parseFields('name! size:integer!'), call.body);
      if (Number(size) < 1) throw badRequest('Invalid size.');
      const { clock, random, store } = call.world;
      const path = `/v2/cdns/push-zones/${param(call, 'pushzone_id')}/files`;
      store.add(path, String(name), { name, size, last_modified: clock.isoNow() });
      const url = `https://upload.vultrcdn.com/${param(call, 'pushzone_id')}`;
      const inputs = {
        acl: 'public-read',
        key: name,
        policy: random.hex(32),
        'x-amz-credential': random.hex(20).toUpperCase(),
        'x-amz-algorithm': 'AWS4-HMAC-SHA256',
        'x-amz-signature': random.hex(64),
      };
      return { status: 201, body: { upload_endpoint: { URL: url, inputs } } };
    },
  }),
};

import type { Resource } from '../engine/api.ts';
import { badRequest } from '../engine/api-error.ts';
import { ok, routes } from '../engine/call.ts';
import type { Collection } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';

const AUDIT_LOGS = '/v2/logs/audit-logs';
const MAX_EXPIRATION_DAYS = 3653;
const MONTH_MS = 30 * 24 * 3600 * 1000;
const CLUSTERS = ['ewr', 'sjc', 'ams'].map((region, at) => ({
  id: at + 2,
  name: `${region}1`,
  region,
  hostname: `${region}1.vultrobjects.com`,
  deploy: true,
}));

/** Subscriptions that keep the audit log in a bucket. An account has at most one. */
const auditLog: Collection = {
  list: AUDIT_LOGS,
  item: `${AUDIT_LOGS}/{audit_log_id}`,
  many: 'subscriptions',
  one: null,
  missing: 'Audit log subscription not found',
  accepts: 'cluster_id:integer! label expiration_days:integer=365',
  meta: false,
  remove: false,
  initial: ({ world }, given) => {
    if (world.store.count(AUDIT_LOGS) > 0) throw badRequest('An audit log subscription already exists.');
    const cluster = clusterOf(given);
    const days = Number(given['expiration_days']);
    if (days < 1 || days > MAX_EXPIRATION_DAYS)
      throw badRequest(`Invalid expiration_days. Must be between 1 and ${MAX_EXPIRATION_DAYS}.`);
    return {
      sub_status: 'pending',
      storage_status: 'pending',
      region: cluster.region,
      location: cluster.name,
      bucket_name: '',
      prefix: 'audit-logs/',
      s3_hostname: '',
      s3_access_key: '',
      s3_secret_key: '',
      storage_used_bytes: 0,
      retention_gb: 0,
      ingestion_gb: 0,
      charges: 0,
      next_invoice_date: new Date(world.clock.nowMs() + MONTH_MS).toISOString().slice(0, 10),
    };
  },
  becomes: ({ random }, { id, fields }) => ({
    sub_status: 'active',
    storage_status: 'active',
    bucket_name: `audit-${id.slice(0, 8)}`,
    s3_hostname: clusterOf(fields).hostname,
    s3_access_key: random.hex(20).toUpperCase(),
    s3_secret_key: random.hex(40),
  }),
};

/** Audit log subscriptions. The log itself belongs to the account. */
export const auditLogs: Resource = {
  collections: [auditLog],
  routes: routes({ [`GET ${AUDIT_LOGS}/clusters`]: () => ok({ clusters: CLUSTERS }) }),
};

function clusterOf({ cluster_id: clusterId }: JsonObject): (typeof CLUSTERS)[number] {
  const cluster = CLUSTERS.find(({ id }) => id === clusterId);
  if (cluster === undefined) throw badRequest('Invalid cluster ID');
  return cluster;
}

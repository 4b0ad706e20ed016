import type { Resource } from '../engine/api.ts';
import { ApiError, badRequest } from '../engine/api-error.ts';
import { type Call, owner } from '../engine/call.ts';
import { type Collection, show } from '../engine/collection.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Random } from '../engine/random.ts';
import type { Entity } from '../engine/store.ts';
import { regionOf } from './catalogue.ts';
import { databaseRoutes } from './database-actions.ts';
import { DATABASE, ENGINE_PORTS, findDatabasePlan } from './database-plans.ts';

/** The collection of managed databases. */
export const database: Collection = {
  list: '/v2/databases',
  item: DATABASE,
  many: 'databases',
  one: 'database',
  missing: 'Not a valid DBaaS Subscription UUID!',
  missingShape: 'message',
  accepts:
    'database_engine! database_engine_version! region! plan! label! tag vpc_id maintenance_dow=monday maintenance_time=01:00 backup_hour=0 backup_minute=0 trusted_ips:strings mysql_sql_modes:strings mysql_require_primary_key:boolean mysql_slow_query_log:boolean mysql_long_query_time:integer redis_eviction_policy eviction_policy enable_kafka_rest:boolean enable_schema_registry:boolean enable_kafka_connect:boolean',
  create: '/v2/databases 201',
  update: 'PUT 202',
  changes:
    'region plan label tag vpc_id maintenance_dow maintenance_time backup_hour backup_minute cluster_time_zone trusted_ips:strings mysql_sql_modes:strings mysql_require_primary_key:boolean mysql_slow_query_log:boolean mysql_long_query_time:integer redis_eviction_policy eviction_policy enable_kafka_rest:boolean enable_schema_registry:boolean enable_kafka_connect:boolean',
  hide: 'options migration parent_id',
  filters: ['label', 'tag', 'region'],
  initial: freshDatabase,
  becomes: () => ({ status: 'Running' }),
  view: (call, primary) => ({ read_replicas: replicasOf(call, primary) }),
  created: (call, { id, fields }) => {
    const { store } = call.world;
    store.add(`/v2/databases/${id}/users`, 'vultradmin', {
      username: 'vultradmin',
      password: fields['password'] ?? '',
      encryption: 'Default (MySQL 8+)',
      ...keysOf(fields),
    });
    store.add(`/v2/databases/${id}/dbs`, 'defaultdb', { name: 'defaultdb' });
  },
};

const dbUser: Collection = {
  list: `${DATABASE}/users`,
  item: `${DATABASE}/users/{username}`,
  many: 'users',
  one: 'user',
  missing: 'Invalid database user',
  idField: 'username',
  dated: null,
  accepts: 'username! password encryption=Default permission',
  update: 'PUT 202',
  changes: 'password!',
  initial: (call, given) => {
    const { random } = call.world;
    const isKafka = owner(call).fields['database_engine'] === 'kafka';
    return { password: given['password'] || random.password(), ...(isKafka ? accessKeys(random) : {}) };
  },
  removing: (_call, { id }) => {
    if (id === 'vultradmin') throw badRequest('The default user can not be deleted.');
  },
};

const db: Collection = {
  list: `${DATABASE}/dbs`,
  item: `${DATABASE}/dbs/{db_name}`,
  many: 'dbs',
  one: 'db',
  missing: 'Invalid logical database',
  idField: 'name',
  dated: null,
  accepts: 'name!',
};

const topic: Collection = {
  list: `${DATABASE}/topics`,
  item: `${DATABASE}/topics/{topic_name}`,
  many: 'topics',
  one: 'topic',
  missing: 'Invalid topic',
  idField: 'name',
  dated: null,
  accepts: 'name! partitions:integer! replication:integer! retention_hours:integer! retention_bytes:integer!',
  update: 'PUT 202',
};

const connector: Collection = {
  list: `${DATABASE}/connectors`,
  item: `${DATABASE}/connectors/{connector_name}`,
  many: 'connectors',
  one: 'connector',
  missing: 'Invalid connector',
  idField: 'name',
  dated: null,
  accepts: 'name! class! topics! config:object',
  update: 'PUT 202',
  changes: 'topics config:object',
  hide: 'state',
  initial: () => ({ state: 'RUNNING' }),
};

const quota: Collection = {
  list: `${DATABASE}/quotas`,
  item: `${DATABASE}/quotas/{client_id}/{username}`,
  many: 'quotas',
  one: 'quota',
  missing: 'Invalid quota',
  idField: 'client_id',
  dated: null,
  accepts:
    'client_id! user! consumer_byte_rate:integer! producer_byte_rate:integer! request_percentage:integer!',
  update: 'PUT 202',
  changes: 'consumer_byte_rate:integer! producer_byte_rate:integer! request_percentage:integer!',
  id: (_call, given) => `${String(given['client_id'])}/${String(given['user'])}`,
  initial: (_call, given) => ({ client_id: given['client_id'] ?? '' }),
};

const connectionPool: Collection = {
  list: `${DATABASE}/connection-pools`,
  item: `${DATABASE}/connection-pools/{pool_name}`,
  many: 'connection_pools',
  one: 'connection_pool',
  missing: 'Invalid connection pool',
  idField: 'name',
  dated: null,
  accepts: 'name! database! username! mode! size:integer!',
  update: 'PUT 202',
  changes: 'database username mode size:integer',
  omit: 'list',
};

/** Managed databases and what is inside them. */
export const databases: Resource = {
  collections: [database, dbUser, db, topic, connector, quota, connectionPool],
  routes: databaseRoutes(database, connectionPool),
};

/** The read replicas of this database, in the form in which they are shown themselves. */
function replicasOf(call: Call, primary: Entity): JsonObject[] {
  return call.world.store
    .list('/v2/databases')
    .filter(({ fields }) => fields['parent_id'] === primary.id)
    .map((replica) => show(database, call, replica));
}

function freshDatabase(call: Call, given: JsonObject): JsonObject {
  const { random, clock } = call.world;
  const engine = String(given['database_engine']);
  const port = Object.hasOwn(ENGINE_PORTS, engine) ? ENGINE_PORTS[engine] : undefined;
  if (port === undefined) throw badRequest('Invalid database engine.');
  const plan = findDatabasePlan(given['plan']);
  if (plan === undefined) throw new ApiError(422, 'Invalid plan chosen.');
  const region = regionOf(given)['id'] ?? '';
  const name = random.uuid();
  return {
    region,
    plan_disk: plan['disk'] ?? 0,
    plan_ram: plan['ram'] ?? 0,
    plan_vcpus: plan['vcpu_count'] ?? 0,
    plan_replicas: Number(plan['number_of_nodes']) - 1,
    plan_brokers: engine === 'kafka' ? 3 : 0,
    status: 'Rebuilding',
    dbname: 'defaultdb',
    host: `vultr-prod-${name}-vultr-prod.vultrdb.com`,
    public_host: '',
    user: 'vultradmin',
    password: random.password(),
    // Unlike every other port, this one is a string.
    port,
    cluster_time_zone: '',
    pending_charges: 0,
    latest_backup: clock.isoNow(),
    ca_certificate: certificate(random, 'CERTIFICATE'),
    ...(engine === 'pg' ? { pg_available_extensions: PG_EXTENSIONS } : {}),
    ...(engine === 'kafka' ? kafkaAccess(random, name, given) : {}),
    options: {},
  };
}

const PG_EXTENSIONS: JsonObject[] = [
  { name: 'pg_stat_statements', versions: ['1.9', '1.10'] },
  { name: 'vector', versions: ['0.7.4'] },
];

/** Something that looks like a certificate or a key in PEM. */
const certificate = (random: Random, kind: string): string =>
  `-----BEGIN ${kind}-----\n${Buffer.from(random.hex(48)).toString('base64')}\n-----END ${kind}-----\n`;

/** The key and certificate that clients of Kafka authenticate with. */
const accessKeys = (random: Random): JsonObject => ({
  access_key: certificate(random, 'PRIVATE KEY'),
  access_cert: certificate(random, 'CERTIFICATE'),
});

const keysOf = ({ access_key: key, access_cert: cert }: JsonObject): JsonObject =>
  key === undefined || cert === undefined ? {} : { access_key: key, access_cert: cert };

/** Kafka listens on more ports than the others, and has services beside it. */
function kafkaAccess(random: Random, name: string, given: JsonObject): JsonObject {
  const uri = (wanted: unknown, port: number): string =>
    wanted === true ? `https://vultr-prod-${name}-vultr-prod.vultrdb.com:${port}` : '';
  return {
    sasl_port: '16754',
    kafka_rest_uri: uri(given['enable_kafka_rest'], 16_758),
    schema_registry_uri: uri(given['enable_schema_registry'], 16_760),
    ...accessKeys(random),
  };
}

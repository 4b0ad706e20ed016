import { badRequest } from '../engine/api-error.ts';
import {
  type ApiResponse,
  type Call,
  noContent,
  ok,
  param,
  type Route,
  routes,
  target,
} from '../engine/call.ts';
import { type Collection, createEntity, oneResponse } from '../engine/collection.ts';
import { parseFields, readFields, readGiven } from '../engine/fields.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { listBody } from '../engine/paging.ts';
import { databaseOptionRoutes } from './database-options.ts';
import { DATABASE, databasePlans, ENGINE_VERSIONS } from './database-plans.ts';

const CONNECTOR_CLASS = 'io.aiven.kafka.connect.http.HttpSinkConnector';
const ACCESS_FIELDS = parseFields(
  'redis_acl_categories:strings redis_acl_channels:strings redis_acl_commands:strings redis_acl_keys:strings acl_categories:strings acl_channels:strings acl_commands:strings acl_keys:strings permission',
);
/** The connections that all pools of a database share. */
const MAX_CONNECTIONS = 22;
const MIGRATION_FIELDS = parseFields(
  'host! port:integer! username! password! database ignored_databases ssl:boolean!',
);

/** The routes of databases that are not those of a collection. */
export function databaseRoutes(database: Collection, connectionPool: Collection): Route[] {
  return [
    ...databaseOptionRoutes,
    ...routes({
      'GET /v2/databases/available-services': () => ok({ available_services: ENGINE_VERSIONS }),
      'GET /v2/databases/plans': ({ query }) => ok(listBody('plans', plansFor(query), query)),
      [`GET ${DATABASE}/usage`]: (call) => ok({ usage: usageOf(target(call).fields) }),
      [`PUT ${DATABASE}/users/{username}/access-control`]: (call) => {
        const user = target(call);
        user.fields['access_control'] = readGiven(ACCESS_FIELDS, call.body);
        return { status: 202, body: { user: { ...user.fields } } };
      },
      [`GET ${DATABASE}/connection-pools`]: (call) => listPools(call, connectionPool),
      [`GET ${DATABASE}/maintenance`]: () =>
        ok({ available_updates: ['Maintenance update for the database engine'] }),
      [`POST ${DATABASE}/maintenance`]: () => ok({ message: 'The maintenance updates have been scheduled.' }),
      [`POST ${DATABASE}/alerts`]: (call) => {
        const { period } = readFields(parseFields('period!'), call.body);
        if (!['hour', 'day', 'week', 'month', 'year'].includes(String(period)))
          throw badRequest('Invalid period.');
        return ok({ alerts: [alertOf(call)] });
      },
      ...migrationTable,
      [`GET ${DATABASE}/backups`]: (call) => {
        const [date = '', time = ''] = String(target(call).fields['latest_backup']).slice(0, 19).split('T');
        return ok({ latest_backup: { date, time }, oldest_backup: { date, time } });
      },
      [`POST ${DATABASE}/restore`]: (call) => derive(call, database, 'label! type date time'),
      [`POST ${DATABASE}/fork`]: (call) =>
        derive(call, database, 'label! region! plan! vpc_id type date time'),
      [`POST ${DATABASE}/read-replica`]: (call) => derive(call, database, 'label! region!'),
      [`POST ${DATABASE}/promote-read-replica`]: (call) => {
        const { fields } = target(call);
        if (fields['parent_id'] === undefined) throw badRequest('This database is not a read replica.');
        delete fields['parent_id'];
        return noContent;
      },
      ...versionTable,
      ...connectorTable,
    }),
  ];
}

function usageOf({
  plan_disk: disk = 0,
  plan_ram: memory = 0,
  plan_vcpus: vcpus = 0,
}: JsonObject): JsonObject {
  const part = (limit: Json, name: string): JsonObject => ({
    [`current_${name}`]: 0.5,
    [`max_${name}`]: limit,
    percentage: 1,
  });
  return {
    disk: part(disk, 'gb'),
    memory: part(memory, 'mb'),
    cpu: { cpu: Number(vcpus), percentage: 3 },
  };
}

/** The connection pools of a database, with the number of connections that they use. */
function listPools(call: Call, row: Collection): ApiResponse {
  const pools = call.world.store
    .list(`/v2/databases/${target(call).id}/connection-pools`)
    .map(({ fields }) => ({ ...fields }));
  const used = pools.reduce((sum, { size }) => sum + Number(size), 0);
  const connections = { used, available: MAX_CONNECTIONS - used, max: MAX_CONNECTIONS };
  const page = listBody(row.many, pools, call.query, 'name');
  return ok({ connections, ...(isObject(page) ? page : {}) });
}

const versionTable: Record<string, (call: Call) => ApiResponse> = {
  [`GET ${DATABASE}/version-upgrade`]: (call) => ok({ available_versions: versionsAbove(call) }),
  [`POST ${DATABASE}/version-upgrade`]: (call) => {
    const { version = '' } = readFields(parseFields('version!'), call.body);
    if (!versionsAbove(call).includes(String(version))) throw badRequest('Invalid version.');
    target(call).fields['database_engine_version'] = version;
    return ok({ message: 'The version upgrade has been scheduled.' });
  },
};

const migrationTable: Record<string, (call: Call) => ApiResponse> = {
  [`GET ${DATABASE}/migration`]: (call) => ok({ migration: target(call).fields['migration'] ?? {} }),
  [`POST ${DATABASE}/migration`]: (call) => {
    const {
      host = '',
      port = 0,
      username = '',
      password = '',
      database = '',
      ignored_databases = '',
      ssl = false,
    } = readFields(MIGRATION_FIELDS, call.body);
    const migration = {
      status: 'running',
      method: '',
      error: '',
      credentials: { host, port, username, password, database, ignored_databases, ssl },
    };
    target(call).fields['migration'] = migration;
    return ok({ migration });
  },
  [`DELETE ${DATABASE}/migration`]: (call) => {
    if (target(call).fields['migration'] === undefined)
      throw badRequest('No migration is attached to this database.');
    delete target(call).fields['migration'];
    return noContent;
  },
};

const setConnectorState =
  (state: string) =>
  (call: Call): ApiResponse => {
    target(call).fields['state'] = state;
    return noContent;
  };

const connectorTable: Record<string, (call: Call) => ApiResponse> = {
  [`GET ${DATABASE}/available-connectors`]: () =>
    ok({
      available_connectors: [
        { class: CONNECTOR_CLASS, title: 'HTTP Sink', version: '0.7.0', type: 'sink', doc_url: '' },
      ],
    }),
  [`GET ${DATABASE}/available-connectors/{connector_class}/configuration`]: (call) => {
    if (param(call, 'connector_class') !== CONNECTOR_CLASS) throw badRequest('Invalid connector class');
    const option = {
      name: 'http.url',
      type: 'STRING',
      required: true,
      default_value: '',
      description: 'Where to send.',
    };
    return ok({ configuration_schema: [option] });
  },
  [`GET ${DATABASE}/connectors/{connector_name}/status`]: (call) => {
    const { state = '' } = target(call).fields;
    return ok({ connector_status: { state, tasks: [{ id: 0, state, trace: '' }] } });
  },
  [`POST ${DATABASE}/connectors/{connector_name}/pause`]: setConnectorState('PAUSED'),
  [`POST ${DATABASE}/connectors/{connector_name}/resume`]: setConnectorState('RUNNING'),
  [`POST ${DATABASE}/connectors/{connector_name}/restart`]: setConnectorState('RUNNING'),
  [`POST ${DATABASE}/connectors/{connector_name}/tasks/{task_id}/restart`]: () => noContent,
};

/** The one alert that every database has. */
function alertOf(call: Call): JsonObject {
  return {
    timestamp: String(target(call).fields['date_created']),
    message_type: 'RESOURCE USAGE CPU',
    description: 'The CPU usage has been high.',
    recommendation: 'Upgrade to a larger plan if this continues.',
    maintenance_scheduled: '',
    resource_type: 'cpu',
    table_count: 0,
  };
}

function plansFor(query: URLSearchParams): readonly JsonObject[] {
  const { engine, nodes, region } = Object.fromEntries(query);
  return databasePlans.filter(
    ({ supported_engines: engines, number_of_nodes: count, locations }) =>
      (!engine || (isObject(engines) && engines[engine] === true)) &&
      (!nodes || String(count) === nodes) &&
      (!region || (Array.isArray(locations) && locations.includes(region))),
  );
}

/** Makes a database from another: a restored one, a fork, or a read replica. */
function derive(call: Call, database: Collection, accepted: string): ApiResponse {
  const source = target(call);
  const given = readFields(parseFields(accepted), call.body);
  const { database_engine = '', database_engine_version = '', plan = '', region = '' } = source.fields;
  const made = createEntity(database, call, {
    database_engine,
    database_engine_version,
    plan,
    region,
    ...given,
  });
  if (accepted === 'label! region!') made.fields['parent_id'] = source.id;
  return oneResponse(database, call, made, 200);
}

function versionsAbove(call: Call): string[] {
  const current = Number(target(call).fields['database_engine_version']);
  return [current + 1, current + 2].filter(Number.isFinite).map(String);
}

import { type ApiResponse, type Call, type Route, routes, target } from '../engine/call.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { DATABASE } from './database-plans.ts';

/** An option that a service offers, with its value until somebody sets it. */
interface Option {
  name: string;
  value: boolean | number | string;
  /** The lowest and highest value of a number. */
  range?: [low: number, high: number];
  /** The values of a text. */
  enumerals?: string[];
  units?: string;
}

const COMPRESSION: Option = {
  name: 'producer_compression_type',
  value: 'none',
  enumerals: ['gzip', 'snappy', 'lz4', 'zstd', 'none'],
};

/** Some options of each engine; the full lists are not known. */
const ENGINE_OPTIONS: Record<string, Option[]> = {
  pg: [
    { name: 'autovacuum_max_workers', value: 3, range: [1, 20] },
    { name: 'autovacuum_analyze_scale_factor', value: 0.2, range: [0, 1] },
    { name: 'deadlock_timeout', value: 1000, range: [500, 1_800_000], units: 'milliseconds' },
    { name: 'jit', value: true },
    { name: 'default_toast_compression', value: 'lz4', enumerals: ['lz4', 'pglz'] },
  ],
  mysql: [
    { name: 'connect_timeout', value: 10, range: [2, 3600], units: 'seconds' },
    { name: 'innodb_print_all_deadlocks', value: false },
    { name: 'internal_tmp_mem_storage_engine', value: 'TempTable', enumerals: ['TempTable', 'MEMORY'] },
  ],
  kafka: [
    { name: 'auto_create_topics_enable', value: true },
    { name: 'log_retention_hours', value: 168, range: [-1, 2_147_483_647], units: 'hours' },
    { name: 'compression_type', value: 'producer', enumerals: ['gzip', 'snappy', 'lz4', 'zstd', 'producer'] },
  ],
  valkey: [],
  redis: [],
};

/** The options of the services beside Kafka, by the last segment of their path. */
const SERVICE_OPTIONS: Record<string, Option[]> = {
  'kafka-rest': [
    { name: 'producer_acks', value: '1', enumerals: ['all', '-1', '0', '1'] },
    COMPRESSION,
    { name: 'producer_linger_ms', value: 0, range: [0, 5000], units: 'milliseconds' },
    { name: 'producer_max_request_size', value: 1_048_576, range: [0, 2_147_483_647], units: 'bytes' },
    { name: 'consumer_enable_auto_commit', value: true },
    { name: 'consumer_request_max_bytes', value: 67_108_864, range: [0, 671_088_640], units: 'bytes' },
    { name: 'consumer_request_timeout_ms', value: 1000, range: [1000, 30_000], units: 'milliseconds' },
    {
      name: 'name_strategy',
      value: 'topic_name',
      enumerals: ['topic_name', 'record_name', 'topic_record_name'],
    },
    { name: 'name_strategy_validation', value: true },
    { name: 'simpleconsumer_pool_size_max', value: 25, range: [10, 250] },
  ],
  'schema-registry': [
    { name: 'leader_eligibility', value: true },
    { name: 'schema_reader_strict_mode', value: false },
    { name: 'retriable_errors_silenced', value: true },
  ],
  'kafka-connect': [
    { name: 'connector_client_config_override_policy', value: 'None', enumerals: ['None', 'All'] },
    { name: 'consumer_auto_offset_reset', value: 'earliest', enumerals: ['earliest', 'latest'] },
    { name: 'consumer_fetch_max_bytes', value: 52_428_800, range: [1_048_576, 104_857_600], units: 'bytes' },
    {
      name: 'consumer_isolation_level',
      value: 'read_uncommitted',
      enumerals: ['read_uncommitted', 'read_committed'],
    },
    {
      name: 'consumer_max_partition_fetch_bytes',
      value: 1_048_576,
      range: [1_048_576, 104_857_600],
      units: 'bytes',
    },
    {
      name: 'consumer_max_poll_interval_ms',
      value: 300_000,
      range: [1, 2_147_483_647],
      units: 'milliseconds',
    },
    { name: 'consumer_max_poll_records', value: 500, range: [1, 10_000] },
    { name: 'offset_flush_interval_ms', value: 60_000, range: [1, 100_000_000], units: 'milliseconds' },
    { name: 'offset_flush_timeout_ms', value: 5000, range: [1, 2_147_483_647], units: 'milliseconds' },
    { name: 'producer_batch_size', value: 16_384, range: [0, 5_242_880], units: 'bytes' },
    { name: 'producer_buffer_memory', value: 33_554_432, range: [5_242_880, 134_217_728], units: 'bytes' },
    COMPRESSION,
    { name: 'producer_linger_ms', value: 0, range: [0, 5000], units: 'milliseconds' },
    { name: 'producer_max_request_size', value: 1_048_576, range: [131_072, 67_108_864], units: 'bytes' },
    {
      name: 'scheduled_rebalance_max_delay_ms',
      value: 300_000,
      range: [0, 600_000],
      units: 'milliseconds',
    },
    { name: 'session_timeout_ms', value: 10_000, range: [1, 2_147_483_647], units: 'milliseconds' },
  ],
};

/** The routes that read and set the advanced options of a database and of the services beside it. */
export const databaseOptionRoutes: Route[] = ['', ...Object.keys(SERVICE_OPTIONS)].flatMap(optionRoutes);

function optionRoutes(service: string): Route[] {
  const template = `${DATABASE}/advanced-options${service === '' ? '' : `/${service}`}`;
  return routes({
    [`GET ${template}`]: (call) => shown(call, service, 200),
    [`PUT ${template}`]: (call) => {
      const { fields } = target(call);
      const set = { ...setOptions(fields, service), ...call.body };
      fields['options'] = { ...(isObject(fields['options']) ? fields['options'] : {}), [service]: set };
      return shown(call, service, 202);
    },
  });
}

function shown(call: Call, service: string, status: number): ApiResponse {
  const { fields } = target(call);
  const offered =
    (service === '' ? ENGINE_OPTIONS[String(fields['database_engine'])] : SERVICE_OPTIONS[service]) ?? [];
  const untouched = Object.fromEntries(offered.map(({ name, value }) => [name, value]));
  return {
    status,
    body: {
      configured_options: { ...untouched, ...setOptions(fields, service) },
      available_options: offered.map(describe),
    },
  };
}

function setOptions({ options }: JsonObject, service: string): JsonObject {
  const set: Json | undefined = isObject(options) ? options[service] : undefined;
  return isObject(set) ? set : {};
}

function describe({ name, value, range, enumerals = [], units = '' }: Option): JsonObject {
  const type =
    typeof value === 'boolean'
      ? 'bool'
      : enumerals.length > 0
        ? 'enum'
        : Number.isInteger(value)
          ? 'int'
          : 'float';
  const limits: JsonObject = range === undefined ? {} : { min_value: range[0], max_value: range[1] };
  return { name, type, enumerals, ...limits, alt_values: [], units };
}

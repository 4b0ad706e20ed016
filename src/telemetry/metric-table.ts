import type { CounterSpec, GaugeSpec, HistogramSpec } from './meter.ts';

/** From a cached reply to a slow change at Vultr, in seconds. */
const DURATIONS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const WAITS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];
const AGES = [1, 10, 60, 300, 900, 3_600, 21_600, 86_400];
const PAUSES = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/**
 * Every metric of the service. docs/observability.md is made from this table, and a test compares it with what a running service
 * tells. Names and labels with a dot are those of OpenTelemetry's semantic conventions, where these have one
 * (version 1.45). A label takes few values, none of which a caller can make up.
 */
export const METRICS = {
  callDuration: histogram(
    'rpc.server.call.duration',
    's',
    ['rpc.method', 'rpc.status_code', 'rpc.system.name', 'error.type'],
    DURATIONS,
    "How long calls took. `rpc.system.name` is `grpc` or `http`; `error.type` is the reason of a failure on this side or Vultr's. What belongs to no rpc has the method `_OTHER`.",
  ),
  activeCalls: gauge('rpc.server.active_calls', '{call}', [], 'Calls in progress.'),
  shedCalls: counter(
    'rpc.server.shed_calls',
    '{call}',
    ['kind'],
    'Calls that were refused because the event loop was late, by kind: `watch`, `read`, `change`.',
  ),
  callsByCaller: counter(
    'rpc.server.calls_by_caller',
    '{call}',
    ['caller', 'rpc.status_code'],
    'Calls of the callers that the callers file names.',
  ),
  httpServerDuration: histogram(
    'http.server.request.duration',
    's',
    ['http.request.method', 'http.response.status_code', 'http.route', 'url.scheme', 'error.type'],
    DURATIONS,
    'How long requests to the HTTP side took, streams included. `http.route` is the template of an operation, the path of an rpc, or the path of a page.',
  ),
  httpOpenConnections: gauge(
    'http.server.open_connections',
    '{connection}',
    [],
    'Connections of the HTTP side.',
  ),
  httpEndedConnections: counter(
    'http.server.ended_connections',
    '{connection}',
    ['cause'],
    'Connections that were ended to keep within the bounds, by cause: `idle`, `full`, `pipelining`, `unread`.',
  ),
  httpClientDuration: histogram(
    'http.client.request.duration',
    's',
    [
      'http.request.method',
      'http.response.status_code',
      'server.address',
      'server.port',
      'url.scheme',
      'error.type',
    ],
    DURATIONS,
    'How long each request to Vultr took, without the wait for its permit. A retry is a request of its own.',
  ),
  denials: counter(
    'access.denials',
    '{call}',
    ['caller', 'reason'],
    'Calls that the callers file did not let in, by reason; without a caller: nothing proved one.',
  ),
  certificateExpiry: gauge(
    'tls.certificate.expiry.timestamp',
    's',
    ['side', 'file', 'subject'],
    'When each certificate in use expires, in seconds since 1970, by side: `server`, `upstream`, `redis`.',
  ),
  handshakeFailures: counter(
    'tls.handshake_failures',
    '{connection}',
    [],
    'Connections of callers whose TLS handshake failed.',
  ),
  redisConnected: gauge(
    'redis.connected',
    '',
    ['use'],
    '1 while there is a connection to Redis, by use: `budget`, `record`, `counts`.',
  ),
  redisFailures: counter(
    'redis.failures',
    '{failure}',
    ['use', 'cause'],
    'Connections to Redis and commands that failed, by use and cause.',
  ),
  logLinesDropped: counter(
    'log.lines_dropped',
    '{line}',
    [],
    'Lines of the log that were dropped because nobody read them in time.',
  ),
  processedSpans: counter(
    'otel.sdk.processor.span.processed',
    '{span}',
    ['error.type'],
    'Sampled spans that are done with. Without `error.type` they were exported; `queue_full` are those that were dropped because the queue was full, and any other is the error of an export that failed.',
  ),
  budgetRate: gauge('vultr.budget.rate', '{request}/s', [], 'Requests a second that the budget allows now.'),
  budgetRateFactor: gauge(
    'vultr.budget.rate_factor',
    '',
    [],
    'The part of the rate in use; below 1 after a 429: somebody else uses the address.',
  ),
  budgetPermits: counter(
    'vultr.budget.permits',
    '{request}',
    ['kind', 'caller'],
    'Requests that got their permit, by kind (`change`, `read`, `poll`) and caller.',
  ),
  budgetWait: histogram(
    'vultr.budget.wait',
    's',
    ['kind'],
    WAITS,
    'How long requests waited for their permit.',
  ),
  budgetWaiting: gauge('vultr.budget.waiting', '{request}', [], 'Requests that wait for a permit.'),
  budgetInFlight: gauge(
    'vultr.budget.in_flight',
    '{request}',
    [],
    'Requests that have their permit and are not over yet.',
  ),
  budgetRefused: counter(
    'vultr.budget.refused',
    '{request}',
    ['kind', 'cause', 'caller'],
    'Requests that got no permit, by cause: `too_late`, `queue_full`, `caller_full`, `caller_rate`, `bytes_full`.',
  ),
  budgetDegraded: gauge(
    'vultr.budget.degraded',
    '',
    [],
    '1 while Redis is down and the replica uses its own part of the budget.',
  ),
  breakerChangesOpen: gauge(
    'vultr.breaker.changes_open',
    '',
    [],
    '1 while changes are refused because Vultr is failing.',
  ),
  breakerReadsOpen: gauge('vultr.breaker.reads_open', '', [], 'The same for reads.'),
  breakerRefused: counter(
    'vultr.breaker.refused',
    '{request}',
    ['side'],
    'Requests that were refused while the breaker of their side, `changes` or `reads`, was open.',
  ),
  retries: counter(
    'vultr.retries',
    '{request}',
    ['throttled'],
    'Requests that were sent again, by whether the cause was a 429.',
  ),
  retriesRefused: counter(
    'vultr.retries_refused',
    '{request}',
    [],
    'Requests that were not sent again because the retry budget was spent.',
  ),
  sharedReads: counter(
    'vultr.shared_reads',
    '{request}',
    [],
    'Reads that were not sent because an identical one was in progress, whose response they got.',
  ),
  cacheRequests: counter(
    'vultr.cache.requests',
    '{request}',
    ['state'],
    'Reads of the public catalogue, by what the cache had: `hit`, `stale`, `miss`.',
  ),
  cacheAge: histogram('vultr.cache.age', 's', [], AGES, 'How old the responses were that the cache gave.'),
  cacheEntries: gauge('vultr.cache.entries', '{response}', [], 'Responses in the cache.'),
  cacheSize: gauge('vultr.cache.size', 'By', [], 'The memory that they are counted with.'),
  cacheRefreshFailures: counter(
    'vultr.cache.refresh_failures',
    '{request}',
    [],
    'Refreshes of the catalogue that failed.',
  ),
  watches: gauge('vultr.watches', '{watch}', [], 'Watches in progress.'),
  watchedThings: gauge('vultr.watched_things', '{thing}', [], 'Things that are polled for them.'),
  idempotencyAvailable: gauge(
    'vultr.idempotency.available',
    '',
    [],
    '0 while the record of creates cannot be used, and creates with a key are refused.',
  ),
  idempotencyOutcomes: counter(
    'vultr.idempotency.outcomes',
    '{create}',
    ['outcome'],
    'Creates with a key, by outcome: `made`, `found` (by its tag, after its response was lost), `repeated` (from the record), `refused`, `not_sent`, `uncertain`, `conflict`, `unavailable`.',
  ),
  eventLoopDelayP50: gauge(
    'nodejs.eventloop.delay.p50',
    's',
    [],
    'How late the event loop was, the median since the metrics were last read.',
  ),
  eventLoopDelayP99: gauge('nodejs.eventloop.delay.p99', 's', [], 'The same, the 99th percentile.'),
  eventLoopDelayMax: gauge('nodejs.eventloop.delay.max', 's', [], 'The same, the longest.'),
  eventLoopTime: counter(
    'nodejs.eventloop.time',
    's',
    ['nodejs.eventloop.state'],
    'How long the event loop has been `active` and `idle`.',
  ),
  heapUsed: gauge('v8js.memory.heap.used', 'By', ['v8js.heap.space.name'], 'Memory in use, by heap space.'),
  heapLimit: gauge('v8js.memory.heap.limit', 'By', [], 'The most that the heap may grow to.'),
  gcDuration: histogram(
    'v8js.gc.duration',
    's',
    ['v8js.gc.type'],
    PAUSES,
    'How long collections of garbage took, by type: `minor`, `major`, `incremental`, `weakcb`.',
  ),
  memory: gauge('process.memory.usage', 'By', [], 'Physical memory of the process.'),
  cpuTime: counter(
    'process.cpu.time',
    's',
    ['cpu.mode'],
    'CPU time of the process, by mode: `user`, `system`.',
  ),
} as const;

function counter<const Labels extends readonly string[]>(
  name: string,
  unit: string,
  labels: Labels,
  help: string,
): CounterSpec<Labels> {
  return { kind: 'counter', name, unit, labels, help };
}

function gauge<const Labels extends readonly string[]>(
  name: string,
  unit: string,
  labels: Labels,
  help: string,
): GaugeSpec<Labels> {
  return { kind: 'gauge', name, unit, labels, help };
}

function histogram<const Labels extends readonly string[]>(
  name: string,
  unit: string,
  labels: Labels,
  bounds: readonly number[],
  help: string,
): HistogramSpec<Labels> {
  return { kind: 'histogram', name, unit, labels, bounds, help };
}

import { createServer } from 'node:http';
import { promisify } from 'node:util';
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type JsonValue,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { vi } from 'vitest';
import { compileProto } from './compile-proto.ts';
import { listenLocally } from './listen.ts';
import { closeAtEnd } from './opened.ts';

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  /** 0: unset, 2: error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Attributes;
}

/** A metric as a collector gets it. */
export interface ReceivedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'sum' | 'gauge' | 'histogram';
  readonly points: readonly { readonly attributes: Attributes; readonly value: number }[];
}

export type Attributes = Readonly<Record<string, JsonValue>>;

/** A collector that keeps what it is sent, over HTTP or, when OTEL_EXPORTER_OTLP_PROTOCOL says so, over gRPC. */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** By their names, as they were last sent. */
  readonly metrics: ReadonlyMap<string, ReceivedMetric>;
  /** What was sent, byte for byte. */
  readonly bodies: Buffer[];
  /** The headers of each export. */
  readonly headers: NodeJS.Dict<string | string[]>[];
  /** Whether exports are left without a response; what was sent is not kept then. */
  isStuck: boolean;
  /** Resolves with the spans of this name, once there are so many. */
  spansOf(name: string, count?: number): Promise<readonly ReceivedSpan[]>;
}

/** As much of OpenTelemetry's protocol as the service speaks (opentelemetry-proto, version 1). */
const PROTO = `
syntax = "proto3";
package test;
message Value { oneof value { string text = 1; bool flag = 2; int64 whole = 3; double number = 4; } }
message Attribute { string key = 1; Value value = 2; }
message Resource { repeated Attribute attributes = 1; }
message Scope { string name = 1; string version = 2; }
message Event { fixed64 time = 1; string name = 2; repeated Attribute attributes = 3; }
message Status { string message = 2; int32 code = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
  string name = 5; int32 kind = 6; fixed64 start = 7; fixed64 end = 8;
  repeated Attribute attributes = 9; repeated Event events = 11; Status status = 15;
}
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Traces { repeated ResourceSpans resource_spans = 1; }
message NumberPoint { repeated Attribute attributes = 7; double number = 4; sfixed64 whole = 6; }
message HistogramPoint {
  repeated Attribute attributes = 9; fixed64 count = 4; double sum = 5;
  repeated fixed64 bucket_counts = 6; repeated double bounds = 7;
}
message Gauge { repeated NumberPoint points = 1; }
message Sum { repeated NumberPoint points = 1; int32 temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramPoint points = 1; int32 temporality = 2; }
message Metric {
  string name = 1; string help = 2; string unit = 3;
  Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
}
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message Metrics { repeated ResourceMetrics resource_metrics = 1; }
`;

/** Starts one, and has OpenTelemetry's variables point at it, quick to export. Both end with the test. */
export async function startOtlpReceiver(
  variables: Readonly<Record<string, string>> = {},
): Promise<OtlpReceiver> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await compileProto(PROTO)));
  const metrics = new Map<string, ReceivedMetric>();
  let wake = Promise.withResolvers<void>();
  /** Takes an export, unless it is stuck. */
  const take = (signal: Signal, body: Buffer, headers: NodeJS.Dict<string | string[]>): boolean => {
    if (receiver.isStuck) return false;
    receiver.bodies.push(body);
    receiver.headers.push(headers);
    const read = decode(registry.getMessage(`test.${signal}`), body);
    if (signal === 'Traces') receiver.spans.push(...spansIn(read));
    else for (const metric of metricsIn(read)) metrics.set(metric.name, metric);
    wake.resolve();
    wake = Promise.withResolvers();
    return true;
  };
  const isGrpc = variables['OTEL_EXPORTER_OTLP_PROTOCOL'] === 'grpc';
  const receiver: OtlpReceiver = {
    url: await (isGrpc ? listenGrpc(take) : listenHttp(take)),
    spans: [],
    metrics,
    bodies: [],
    headers: [],
    isStuck: false,
    spansOf: async (name, count = 1) => {
      for (;;) {
        const found = receiver.spans.filter((span) => span.name === name);
        if (found.length >= count) return found;
        await wake.promise;
      }
    },
  };
  closeAtEnd(() => vi.unstubAllEnvs());
  const all = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_METRIC_EXPORT_INTERVAL: '50',
    ...variables,
  };
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value);
  return receiver;
}

/** What is exported, by the name of its message. */
type Signal = 'Traces' | 'Metrics';

type Take = (signal: Signal, body: Buffer, headers: NodeJS.Dict<string | string[]>) => boolean;

async function listenHttp(take: Take): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const signal = request.url === '/v1/traces' ? 'Traces' : 'Metrics';
    if (take(signal, body, request.headers))
      response.setHeader('content-type', 'application/x-protobuf').end();
  });
  return `http://127.0.0.1:${await listenLocally(server)}`;
}

async function listenGrpc(take: Take): Promise<string> {
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  const serve = (service: string, signal: Signal): void => {
    const Export = {
      path: `/opentelemetry.proto.collector.${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    const handle: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
      const headers = call.metadata.toJSON() as NodeJS.Dict<string[]>;
      if (take(signal, call.request, headers)) callback(null, Buffer.alloc(0));
    };
    server.addService({ Export }, { Export: handle });
  };
  serve('trace.v1.TraceService', 'Traces');
  serve('metrics.v1.MetricsService', 'Metrics');
  const port = await promisify(server.bindAsync.bind(server))(
    '127.0.0.1:0',
    ServerCredentials.createInsecure(),
  );
  closeAtEnd(() => server.forceShutdown());
  return `http://127.0.0.1:${port}`;
}

function decode(message: DescMessage | undefined, body: Buffer): JsonObject {
  if (message === undefined) throw new Error('The proto does not have this message.');
  return toJson(message, fromBinary(message, body), { alwaysEmitImplicit: true }) as JsonObject;
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}

function spansIn(traces: JsonObject): ReceivedSpan[] {
  return listOf(traces['resourceSpans']).flatMap((resource) =>
    listOf(resource['scopeSpans']).flatMap((scope) =>
      listOf(scope['spans']).map((span) => ({
        name: String(span['name']),
        kind: Number(span['kind']),
        traceId: hexOf(span['traceId']),
        spanId: hexOf(span['spanId']),
        parentSpanId: hexOf(span['parentSpanId']),
        traceState: String(span['traceState']),
        attributes: attributesOf(span),
        events: listOf(span['events']).map((event) => ({
          name: String(event['name']),
          attributes: attributesOf(event),
        })),
        status: { code: 0, message: '', ...(span['status'] as object | undefined) },
        resource: attributesOf(resource['resource'] as JsonObject),
      })),
    ),
  );
}

function metricsIn(metrics: JsonObject): ReceivedMetric[] {
  return listOf(metrics['resourceMetrics']).flatMap((resource) =>
    listOf(resource['scopeMetrics']).flatMap((scope) => listOf(scope['metrics']).map(toMetric)),
  );
}

function toMetric(metric: JsonObject): ReceivedMetric {
  const kind = (['sum', 'gauge', 'histogram'] as const).find((each) => metric[each] !== undefined);
  if (kind === undefined) throw new Error(`${metric['name']} has no data.`);
  const points = listOf((metric[kind] as JsonObject)['points']).map((point) => ({
    attributes: attributesOf(point),
    value: Number(kind === 'histogram' ? point['count'] : point['number']),
  }));
  return { name: String(metric['name']), unit: String(metric['unit']), kind, points };
}

function attributesOf(owner: JsonObject): Attributes {
  return Object.fromEntries(
    listOf(owner['attributes']).map(({ key, value }) => {
      const [[kind = '', content = null] = []] = Object.entries(value as JsonObject);
      return [String(key), kind === 'whole' ? Number(content) : content];
    }),
  );
}

function hexOf(value: JsonValue | undefined): string {
  return Buffer.from(String(value ?? ''), 'base64').toString('hex');
}

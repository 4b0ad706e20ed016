import { readFileSync } from 'node:fs';
import { loadContract } from '../../src/contract/load.ts';
import type { ConnectionLife } from '../../src/grpc/connection-life.ts';
import { createHealth, type Health } from '../../src/grpc/health.ts';
import type { GrpcLimits } from '../../src/grpc/limits.ts';
import { createReflection } from '../../src/grpc/reflection.ts';
import { startGrpcServer } from '../../src/grpc/server.ts';
import { admitEverybody } from '../../src/pipeline/admission.ts';
import { createPipeline } from '../../src/pipeline/pipeline.ts';
import type { Shedder } from '../../src/pipeline/shedder.ts';
import type { Handler, StreamHandler, UnaryHandler } from '../../src/rpc/call.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { type CollectedLog, collectLog } from './collected-log.ts';
import { closeAtEnd } from './opened.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

/** The path of an rpc of CloudService. */
export const cloudPath = (rpc: string): string => `/vultr.cloud.v1.CloudService/${rpc}`;

/** The gRPC side alone, without Vultr behind it. */
export interface TestGrpcServer {
  readonly address: string;
  readonly log: CollectedLog;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Starts the gRPC side with its health, its reflection and these rpcs of CloudService. It is closed when the test ends. */
export async function startGrpc(
  rpcs: Readonly<Record<string, UnaryHandler>>,
  { limits, life, shedder, streams = {} }: GrpcServerSettings = {},
): Promise<TestGrpcServer> {
  const log = collectLog();
  const metrics = createMetrics();
  const health = createHealth(['vultr.cloud.v1.CloudService']);
  const handlers = new Map<string, Handler>([...health.handlers, ...createReflection(contract)]);
  for (const [rpc, handle] of Object.entries(rpcs)) {
    handlers.set(cloudPath(rpc).slice(1), { kind: 'unary', handle });
  }
  for (const [rpc, handle] of Object.entries(streams)) {
    handlers.set(cloudPath(rpc).slice(1), { kind: 'server_streaming', handle });
  }
  const timeoutMs = { default: 60_000, max: 600_000 };
  const pipeline = createPipeline({
    handlers,
    openAdmission: admitEverybody('KEY-OF-THE-SERVICE-0123456789'),
    log: log.log,
    metrics,
    unaryTimeoutMs: timeoutMs,
    streamTimeoutMs: timeoutMs,
  });
  const server = await startGrpcServer({
    operations: contract.operations.values(),
    dispatcher: pipeline,
    listen: { host: '127.0.0.1', port: 0 },
    ...(limits !== undefined && { limits }),
    ...(life !== undefined && { life }),
    ...(shedder !== undefined && { shedder }),
  });
  health.setServing(true);
  closeAtEnd(async () => {
    pipeline.abortAll();
    await server.close(200);
  });
  return { address: `127.0.0.1:${server.port}`, log, metrics, health };
}

/** What may differ from the service as it is. */
export interface GrpcServerSettings {
  readonly limits?: Partial<GrpcLimits>;
  readonly life?: Partial<ConnectionLife>;
  readonly shedder?: Shedder;
  /** Rpcs of CloudService that stream. */
  readonly streams?: Readonly<Record<string, StreamHandler>>;
}

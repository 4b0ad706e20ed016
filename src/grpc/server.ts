import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import type { Operation } from '../contract/operation.ts';
import type { Dispatcher } from '../rpc/call.ts';
import { adapt } from './adapters.ts';
import { type Listener, listen } from './listener.ts';

/** Bounds of the gRPC side. Metadata is bounded by Node itself: 128 pairs, 64 KB. */
export interface GrpcLimits {
  /** The largest message that is read. */
  readonly maxMessageBytes: number;
  /** The most calls at a time on one connection. */
  readonly maxConcurrentStreams: number;
}

/** What the gRPC side is made of. */
export interface GrpcServerOptions {
  readonly operations: Iterable<Operation>;
  readonly dispatcher: Dispatcher;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: GrpcLimits;
}

/** The running gRPC side. */
export interface GrpcServer {
  readonly host: string;
  readonly port: number;
  /** Takes no new calls, waits for those under way for so long, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Idle connections are probed, and closed when the other side is gone, so that they do not pile up. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/**
 * Starts the gRPC side: every operation of the contract, by its own descriptor.
 * @throws Error when it cannot listen there
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': options.limits.maxMessageBytes,
    'grpc.max_concurrent_streams': options.limits.maxConcurrentStreams,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.enable_channelz': 0,
  });
  for (const operations of groupByService(options.operations)) {
    const handlers = operations.map((operation) => [operation.rpc, adapt(operation, options.dispatcher)]);
    server.addService(toDefinition(operations), Object.fromEntries(handlers));
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen(options.listen, (socket) => injector.injectConnection(socket));
  return {
    host: options.listen.host,
    port: listener.port,
    close: (graceMs) => close(server, listener, graceMs),
  };
}

function groupByService(operations: Iterable<Operation>): Iterable<Operation[]> {
  return Map.groupBy(operations, ({ service }) => service).values();
}

/** A service as grpc-js wants it. Messages stay bytes: the pipeline reads and the handlers write them. */
function toDefinition(operations: readonly Operation[]): ServiceDefinition {
  return Object.fromEntries(
    operations.map((operation) => [
      operation.rpc,
      {
        path: `/${operation.name}`,
        requestStream: operation.kind === 'client_streaming' || operation.kind === 'bidi_streaming',
        responseStream: operation.kind === 'server_streaming' || operation.kind === 'bidi_streaming',
        requestSerialize: toBuffer,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: toBuffer,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    ]),
  );
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function close(server: Server, listener: Listener, graceMs: number): Promise<void> {
  const timer = setTimeout(() => listener.cut(), graceMs);
  const stopped = listener.stop();
  // Tells every caller to go (GOAWAY). That it has told them is no sign that their calls are done: the connections are.
  server.tryShutdown(() => undefined);
  await stopped;
  clearTimeout(timer);
}

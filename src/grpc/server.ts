import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import {
  Server,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import type { ServerTls } from '../access/server-tls.ts';
import { turnstile } from '../base/turnstile.ts';
import type { Operation } from '../contract/operation.ts';
import { NO_SHEDDER, type Shedder } from '../pipeline/shedder.ts';
import type { Dispatcher } from '../rpc/call.ts';
import { adapt } from './adapters.ts';
import { watchCall } from './call-watch.ts';
import { type ConnectionLife, DEFAULT_CONNECTION_LIFE } from './connection-life.ts';
import { replyUnread } from './errors.ts';
import { Gate, isProbe } from './gate.ts';
import { openInnerServer } from './http2-server.ts';
import { createIntake } from './intake.ts';
import { type GrpcLimits, resolveGrpcLimits } from './limits.ts';
import { type Listener, listen } from './listener.ts';
import type { OpenCall } from './open-call.ts';
import { Outlet } from './outlet.ts';

/** The options of the gRPC side. */
export interface GrpcServerOptions {
  readonly operations: Iterable<Operation>;
  readonly dispatcher: Dispatcher;
  /** Refuses calls when there are too many. Default: none is refused. */
  readonly shedder?: Shedder;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Bounds other than the default ones. */
  readonly limits?: Partial<GrpcLimits>;
  /** The life of connections, where it is not the default one. */
  readonly life?: Partial<ConnectionLife>;
  /** Undefined: plain text. */
  readonly tls?: ServerTls | undefined;
}

/** The running gRPC side. */
export interface GrpcServer {
  readonly host: string;
  readonly port: number;
  /** Takes no new calls, waits for those under way for so long, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Connections that are being closed to make room, or have not begun to speak; what comes beyond them is dropped. */
const LEAVING_CONNECTIONS = 100;

/**
 * Starts the gRPC side: every operation of the contract, by its own descriptor.
 * @throws Error when it cannot listen there
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const limits = resolveGrpcLimits(options.limits);
  const life: ConnectionLife = { ...DEFAULT_CONNECTION_LIFE, ...options.life };
  const { dispatcher, shedder = NO_SHEDDER } = options;
  const operations = [...options.operations];
  const intake = createIntake(limits);
  const outlet = new Outlet(limits, ({ connection, target, requestId }, text) => {
    const request = { transport: 'grpc', peer: connection.peer, target: target.slice(1), requestId } as const;
    dispatcher.refused(request, replyUnread(text));
  });
  /** The call that grpc-js is being given: it makes its call object, by the interceptor, before it returns. */
  let entering: OpenCall | undefined;
  const server = createServer(limits, life, (_method, call) =>
    entering === undefined
      ? new ServerInterceptingCall(call)
      : watchCall(entering, call, { limits, intake, outlet, dispatcher }),
  );
  for (const ofService of groupByService(operations)) {
    const handlers = ofService.map((operation) => [operation.rpc, adapt(operation, dispatcher)]);
    server.addService(toDefinition(ofService), Object.fromEntries(handlers));
  }
  const { http2, serve } = openInnerServer(server, {
    streamResetBurst: limits.cancelBurst,
    streamResetRate: limits.cancelsPerSecond,
  });
  const gate = new Gate({ operations, dispatcher, shedder, limits, life, intake, outlet });
  const serveCall = (call: OpenCall, headers: IncomingHttpHeaders): void => {
    entering = call;
    serve(call.stream, headers);
    entering = undefined;
  };
  /** The socket that Node is being given: it makes its session before it returns. */
  let accepted: Socket | undefined;
  http2.on('session', (session) => {
    if (accepted !== undefined) gate.connect(session, accepted);
  });
  http2.on('stream', (opened, headers) => {
    // The streams of a server are of this class, which the declaration of the event leaves open.
    const stream = opened as ServerHttp2Stream;
    // The failure of a stream is seen as its end; without a listener it would end the process.
    stream.on('error', nothing);
    const enter = (waitedMs: number): void => gate.enter(stream, { headers, waitedMs }, serveCall);
    if (isProbe(headers)) enter(0);
    else turnstile.pass(enter);
  });
  const maxSockets = limits.maxConnections + limits.maxSpareConnections + LEAVING_CONNECTIONS;
  const listener = await listen({ ...options.listen, maxSockets, tls: options.tls }, (socket) => {
    accepted = socket;
    http2.emit('connection', socket);
    accepted = undefined;
  });
  return {
    host: options.listen.host,
    port: listener.port,
    close: (graceMs) => close(server, gate, listener, graceMs),
  };
}

function nothing(): void {}

function createServer(limits: GrpcLimits, life: ConnectionLife, interceptor: ServerInterceptor): Server {
  return new Server({
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.max_connection_idle_ms': limits.connectionIdleMs,
    // Connections are probed, and closed when the other side is gone, so that they do not pile up.
    'grpc.keepalive_time_ms': life.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': life.keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
    interceptors: [interceptor],
  });
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

async function close(server: Server, gate: Gate, listener: Listener, graceMs: number): Promise<void> {
  const timer = setTimeout(() => listener.cut(), graceMs);
  await listener.stop(graceMs);
  await gate.close();
  // That every caller has been told to go (GOAWAY) does not mean that their calls are done; the end of their
  // connections does.
  server.tryShutdown(() => undefined);
  await listener.ended;
  clearTimeout(timer);
}

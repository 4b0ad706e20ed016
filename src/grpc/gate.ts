import { randomUUID } from 'node:crypto';
import { constants, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { type LoadKind, loadKindOf, type Shedder } from '../pipeline/shedder.ts';
import type { Dispatcher } from '../rpc/call.ts';
import { parseGrpcTimeout } from '../rpc/grpc-timeout.ts';
import { acceptedRequestId } from '../rpc/request-id.ts';
import type { CallError } from '../status/call-error.ts';
import { type ConnectionLife, limitLife } from './connection-life.ts';
import { Connections } from './connections.ts';
import { type CountedKind, type Counts, createCounts } from './counts.ts';
import {
  malformedTimeout,
  notGrpc,
  notPost,
  requestTooLate,
  tooManyCalls,
  tooManyConnections,
  unknownEncoding,
  unknownMethod,
} from './errors.ts';
import { leave } from './farewell.ts';
import { isKnownEncoding } from './inflate.ts';
import type { Intake } from './intake.ts';
import type { GrpcLimits } from './limits.ts';
import { type Connection, OpenCall } from './open-call.ts';
import type { Outlet } from './outlet.ts';
import { sendOverloaded } from './overloaded.ts';
import { sendTrailersOnly } from './status.ts';

/** The options of a gate. */
export interface GateOptions {
  readonly operations: Iterable<Operation>;
  readonly dispatcher: Dispatcher;
  readonly shedder: Shedder;
  readonly limits: GrpcLimits;
  readonly life: ConnectionLife;
  readonly intake: Intake;
  readonly outlet: Outlet;
}

/** A call as it comes in. */
export interface Arrival {
  readonly headers: IncomingHttpHeaders;
  /** How long it has waited to be looked at. */
  readonly waitedMs: number;
}

/** Passes a call on, with the headers that grpc-js needs. */
export type Serve = (call: OpenCall, headers: IncomingHttpHeaders) => void;

const HEALTH = '/grpc.health.v1.Health/';

/** Short calls by which others know that the service is well: they are served however full it is. */
const PROBES: ReadonlySet<string> = new Set([`${HEALTH}Check`, `${HEALTH}List`]);

/** Whether a call asks after the health of the service. */
export function isProbe(headers: IncomingHttpHeaders): boolean {
  return PROBES.has(headers[':path'] ?? '');
}

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/i;

function nothing(): void {}

/** What is known of the calls of one method before any is made. */
interface Method {
  readonly load: LoadKind | undefined;
  /** What its calls are counted as; undefined: they have no bounds of their own. */
  readonly counted: CountedKind | undefined;
  /** Whether its callers stream their messages. */
  readonly isRequestStream: boolean;
  /** What grpc-js is given of the headers. It reads the others in its own way, and would heed some a second time. */
  readonly forGrpcJs: IncomingHttpHeaders;
}

/** Stands for a method that there is none of. */
const UNKNOWN: Method = { load: undefined, counted: undefined, isRequestStream: false, forGrpcJs: {} };

function toMethod(operation: Operation, counts: Counts): readonly [target: string, method: Method] {
  const target = `/${operation.name}`;
  const method: Method = {
    load: loadKindOf(operation),
    counted: counts.kindOf(target),
    isRequestStream: operation.kind === 'client_streaming' || operation.kind === 'bidi_streaming',
    forGrpcJs: { ':path': target, 'content-type': 'application/grpc' },
  };
  return [target, method];
}

/** Where every call comes in: it is checked before grpc-js sees it, and refused or let in. */
export class Gate {
  readonly #options: GateOptions;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #connections: Connections;
  readonly #counts: Counts;
  /** How many calls are under way. */
  #open = 0;
  #isClosing = false;

  constructor(options: GateOptions) {
    this.#options = options;
    const counts = createCounts(options.limits);
    this.#methods = new Map([...options.operations].map((operation) => toMethod(operation, counts)));
    this.#connections = new Connections(options.limits);
    this.#counts = counts;
  }

  /** Takes a new connection. */
  connect(session: Http2Session, socket: Socket): void {
    const connection = this.#connections.open(session, socket);
    limitLife(connection, this.#options.life);
    // A TLS handshake can finish after the listener has been closed.
    if (this.#isClosing) void leave(connection);
  }

  /** Has everybody make their next calls elsewhere. Resolves once no more calls are taken. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#connections.all().map(leave));
  }

  /** Takes a new call, and serves it if nothing is wrong with it and there is room. */
  enter(stream: ServerHttp2Stream, { headers, waitedMs }: Arrival, serve: Serve): void {
    if (stream.destroyed) return;
    const connection = this.#connections.of(stream.session);
    if (connection === undefined) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const target = headers[':path'] ?? '';
    const requestId = acceptedRequestId(String(headers['x-request-id'] ?? '')) ?? randomUUID();
    const method = this.#methods.get(target) ?? UNKNOWN;
    const overload = this.#options.shedder.objection(method.load, waitedMs);
    if (overload !== undefined) {
      sendOverloaded(stream, overload, requestId);
      return;
    }
    const error = misuse(method, headers) ?? this.#shortage(connection, target, method);
    if (error !== undefined) {
      const request = {
        transport: 'grpc',
        peer: connection.peer,
        target: target.slice(1),
        requestId,
      } as const;
      this.#options.dispatcher.refused(request, error);
      sendTrailersOnly(stream, error, requestId);
      return;
    }
    const { 'grpc-timeout': timeout, 'grpc-encoding': encoding = 'identity' } = headers;
    const timeoutMs = timeout === undefined ? undefined : parseGrpcTimeout(String(timeout));
    const call = new OpenCall({
      connection,
      stream,
      headers,
      target,
      requestId,
      deadline: timeoutMs === undefined ? undefined : systemClock.now() + timeoutMs,
      encoding: String(encoding),
      isRequestStream: method.isRequestStream,
      replied: method.load === 'watch' ? nothing : this.#options.shedder.begin(),
    });
    this.#count(call, method);
    serve(call, method.forGrpcJs);
  }

  /** What there is no room for; undefined: there is room for the call. */
  #shortage(connection: Connection, target: string, { counted }: Method): CallError | undefined {
    if (PROBES.has(target)) return undefined;
    const { limits, intake, outlet } = this.#options;
    this.#connections.promote(connection);
    if (connection.isSpare) return tooManyConnections(limits);
    if (this.#open >= limits.maxCalls && !intake.makeRoom() && !outlet.makeRoom()) {
      return tooManyCalls(`There are ${limits.maxCalls} calls already, which is the limit.`);
    }
    return counted === undefined ? undefined : this.#counts.objection(connection, counted);
  }

  #count(call: OpenCall, { counted }: Method): void {
    this.#open += 1;
    this.#connections.begin(call);
    if (counted !== undefined) this.#counts.begin(counted);
    call.stream.on('close', () => {
      call.replied();
      call.watch?.closed();
      call.watch = undefined;
      this.#open -= 1;
      this.#connections.end(call);
      if (counted !== undefined) this.#counts.end(counted);
    });
  }
}

/** What is wrong with a call; undefined: nothing. */
function misuse(method: Method, headers: IncomingHttpHeaders): CallError | undefined {
  if (headers[':method'] !== 'POST') return notPost();
  if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) return notGrpc();
  if (method === UNKNOWN) return unknownMethod();
  const timeout = headers['grpc-timeout'];
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseGrpcTimeout(String(timeout));
  if (timeoutMs === undefined) return malformedTimeout();
  if (timeoutMs === 0) return requestTooLate();
  return isKnownEncoding(String(headers['grpc-encoding'] ?? 'identity')) ? undefined : unknownEncoding();
}

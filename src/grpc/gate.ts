import { randomUUID } from 'node:crypto';
import { constants, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { acceptedRequestId } from '../pipeline/pipeline.ts';
import type { Dispatcher } from '../rpc/call.ts';
import type { CallError } from '../status/call-error.ts';
import { createConnections } from './connections.ts';
import { createCounts } from './counts.ts';
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
import { isKnownEncoding } from './inflate.ts';
import type { Intake } from './intake.ts';
import type { GrpcLimits } from './limits.ts';
import type { Connection, OpenCall } from './open-call.ts';
import type { Outlet } from './outlet.ts';
import { sendTrailersOnly } from './status.ts';
import { parseTimeout } from './timeout.ts';

/** What a gate is made of. */
export interface GateOptions {
  readonly operations: Iterable<Operation>;
  readonly dispatcher: Dispatcher;
  readonly limits: GrpcLimits;
  readonly intake: Intake;
  readonly outlet: Outlet;
}

/** Where every call comes in. */
export interface Gate {
  /** Takes a new connection. */
  connect(session: Http2Session): void;
  /**
   * Looks at a call before grpc-js does: refuses it, or lets it in.
   * @param serve hands the call on, with headers that grpc-js cannot misread
   */
  enter(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    serve: (call: OpenCall, headers: IncomingHttpHeaders) => void,
  ): void;
}

const HEALTH = '/grpc.health.v1.Health/';

/** Calls that are short and keep the service known to be well: they are served however full it is. */
const PROBES: ReadonlySet<string> = new Set([`${HEALTH}Check`, `${HEALTH}List`]);

/** Makes the gate. */
export function createGate({ operations, dispatcher, limits, intake, outlet }: GateOptions): Gate {
  const known = new Map([...operations].map((operation) => [`/${operation.name}`, operation]));
  const connections = createConnections(limits);
  const counts = createCounts(limits);
  let open = 0;

  /** Why a call is not let in; undefined: it is. */
  function objection(
    connection: Connection,
    target: string,
    headers: IncomingHttpHeaders,
  ): CallError | undefined {
    if (headers[':method'] !== 'POST') return notPost();
    if (!/^application\/grpc(?:\+proto)?(?:;|$)/i.test(headers['content-type'] ?? '')) return notGrpc();
    if (!known.has(target)) return unknownMethod();
    const timeout = headers['grpc-timeout'];
    const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(String(timeout));
    if (timeoutMs === undefined) return malformedTimeout();
    if (timeoutMs === 0) return requestTooLate();
    const encoding = String(headers['grpc-encoding'] ?? 'identity');
    if (!isKnownEncoding(encoding)) return unknownEncoding();
    if (PROBES.has(target)) return undefined;
    connections.promote(connection);
    if (connection.isSpare) return tooManyConnections(limits);
    if (open >= limits.maxCalls && !intake.makeRoom() && !outlet.makeRoom()) {
      return tooManyCalls(`There are ${limits.maxCalls} calls already, which is the limit.`);
    }
    return counts.objection(connection, target);
  }

  return {
    connect: (session) => void connections.open(session),
    enter(stream, headers, serve) {
      // The failure of a stream is seen as its end; without a listener it would end the process.
      stream.on('error', () => undefined);
      const connection = connections.of(stream.session);
      if (connection === undefined) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      const target = headers[':path'] ?? '';
      const requestId = acceptedRequestId(String(headers['x-request-id'] ?? '')) ?? randomUUID();
      const error = objection(connection, target, headers);
      if (error !== undefined) {
        dispatcher.refused(
          { transport: 'grpc', peer: connection.peer, target: target.slice(1), requestId },
          error,
        );
        sendTrailersOnly(stream, error, requestId);
        return;
      }
      const { 'grpc-timeout': timeout, 'grpc-encoding': encoding = 'identity', ...rest } = headers;
      const timeoutMs = timeout === undefined ? undefined : parseTimeout(String(timeout));
      const call: OpenCall = {
        connection,
        stream,
        target,
        requestId,
        deadline: timeoutMs === undefined ? undefined : systemClock.now() + timeoutMs,
        encoding: String(encoding),
        isRequestStream: known.get(target)?.kind === 'bidi_streaming',
        refuse: () => undefined,
      };
      open += 1;
      connections.begin(call);
      counts.begin(call);
      stream.once('close', () => {
        open -= 1;
        connections.end(call);
        counts.end(call);
      });
      serve(call, rest);
    },
  };
}

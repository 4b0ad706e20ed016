import type {
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { Operation } from '../contract/operation.ts';
import type { Incoming } from '../rpc/call.ts';
import { type Evidence, pickIdentityHeaders } from '../rpc/evidence.ts';
import { CallError } from '../status/call-error.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';
import { toBinaryValue } from './metadata.ts';
import type { CallContext, OpenCall } from './open-call.ts';

/** Any grpc-js call, requests and replies being bytes. */
export type ServerCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerReadableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

/** An Incoming of a gRPC call, and what its adapter has to report when it is over. */
export interface GrpcIncoming extends Incoming {
  readonly responseTrailers: Map<string, string>;
  /** To be called once the status is out: grpc-js emits `cancelled` after every call, completed ones too. */
  completed(): void;
  /** Whether the call does no harm when the caller repeats it, as far as is known of its request. */
  mayRepeat(): boolean;
}

/** Turns a grpc-js call into what the pipeline takes. */
export function toIncoming(
  operation: Operation,
  call: ServerCall,
  request: Buffer | undefined,
): GrpcIncoming {
  const controller = new AbortController();
  // What the call's watch has put in the place of grpc-js's own.
  const { open } = call.getAuthContext() as CallContext;
  open.end = (error) => controller.abort(error);
  const metadata = toMap(call.metadata);
  let isNamed = metadata.has('idempotency-key');
  let isCompleted = false;
  const events: NodeJS.EventEmitter = call;
  events.on('cancelled', () => {
    if (!isCompleted) controller.abort(cancelled());
  });
  return {
    operation,
    transport: 'grpc',
    form: 'binary',
    peer: call.getPeer(),
    evidence: () => evidenceOf(call, open, metadata),
    metadata,
    signal: controller.signal,
    deadline: toDeadline(call.getDeadline()),
    read: () => {
      const message = decodeMessage(operation.input, request ?? new Uint8Array());
      isNamed ||= (message['request_id'] ?? '') !== '';
      return { kind: 'message', message };
    },
    responseMetadata: new Map(),
    responseTrailers: new Map(),
    completed: () => {
      isCompleted = true;
    },
    mayRepeat: () => isRepeatable(operation) || (operation.effect === 'CREATE' && isNamed),
  };
}

function evidenceOf(
  call: ServerCall,
  { connection: { origin } }: OpenCall,
  metadata: ReadonlyMap<string, string>,
): Evidence {
  const identityHeaders = pickIdentityHeaders((name) =>
    metadata.has(name) ? call.metadata.get(name).map(String) : undefined,
  );
  const { address, certificate } = origin;
  const authorization = metadata.get('authorization');
  return { connection: origin, address, certificate, identityHeaders, authorization };
}

/** The metadata of a call. Binary values (`-bin`) are in base64, as over HTTP. */
function toMap(metadata: Metadata): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const key of Object.keys(metadata.getMap())) {
    const values = metadata.get(key);
    map.set(
      key,
      values.map((value) => (typeof value === 'string' ? value : toBinaryValue(value))).join(', '),
    );
  }
  return map;
}

/** Whether an operation changes nothing, or comes to the same when it is carried out twice. */
function isRepeatable({ effect, idempotency }: Operation): boolean {
  return effect === 'READ' || effect === 'SECRET' || idempotency !== 'IDEMPOTENCY_UNKNOWN';
}

/** The deadline that the call's watch has put in the place of grpc-js's own: on the clock of the service, or infinite. */
function toDeadline(deadline: Date | number): number | undefined {
  const ms = Number(deadline);
  return Number.isFinite(ms) ? ms : undefined;
}

function cancelled(): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left before the call was done.');
}

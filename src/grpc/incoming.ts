import type { Metadata, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import type { Incoming } from '../rpc/call.ts';
import { CallError } from '../status/call-error.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';

/** Any grpc-js call, requests and answers being bytes. */
export type ServerCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

/** An Incoming of a gRPC call, and what its adapter has to tell when it is over. */
export interface GrpcIncoming extends Incoming {
  /** To be called once the status is out: grpc-js emits `cancelled` after every call, completed ones too. */
  completed(): void;
}

/** Turns a grpc-js call into what the pipeline takes. */
export function toIncoming(
  operation: Operation,
  call: ServerCall,
  request: Buffer | undefined,
): GrpcIncoming {
  const controller = new AbortController();
  let isCompleted = false;
  const events: NodeJS.EventEmitter = call;
  events.on('cancelled', () => {
    if (!isCompleted) controller.abort(cancelled());
  });
  return {
    operation,
    transport: 'grpc',
    peer: call.getPeer(),
    metadata: toMap(call.metadata),
    signal: controller.signal,
    deadline: toDeadline(call.getDeadline()),
    read: () => ({
      kind: 'message',
      message: decodeMessage(operation.input, request ?? new Uint8Array()),
    }),
    responseMetadata: new Map(),
    completed: () => {
      isCompleted = true;
    },
  };
}

/** The text metadata of a call. Binary values (`-bin`) are of no use to any handler and stay out. */
function toMap(metadata: Metadata): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const key of Object.keys(metadata.getMap())) {
    if (!key.endsWith('-bin')) map.set(key, metadata.get(key).join(', '));
  }
  return map;
}

/** A deadline of grpc-js, which goes by the wall clock, on the clock of the service. */
function toDeadline(deadline: Date | number): number | undefined {
  const wallMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(wallMs) ? systemClock.now() + wallMs - Date.now() : undefined;
}

function cancelled(): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left before the call was done.');
}

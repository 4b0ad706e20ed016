import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { Operation } from '../contract/operation.ts';
import type { Incoming, IncomingRequest } from '../rpc/call.ts';
import { CallEnd } from '../rpc/call-end.ts';
import { type Evidence, pickIdentityHeaders } from '../rpc/evidence.ts';
import { CallError } from '../status/call-error.ts';
import { decodeMessage } from '../transcoding/decode-binary.ts';
import type { Message } from '../transcoding/message.ts';
import type { CallContext, Handling, OpenCall } from './open-call.ts';
import { readMetadata } from './request-metadata.ts';

/** Any grpc-js call, requests and replies being bytes. */
export type ServerCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerReadableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

/**
 * Turns a grpc-js call into what the pipeline takes.
 * @param request the bytes of its one message
 * @param requests the messages of a caller that streams them
 */
export function toIncoming(
  operation: Operation,
  call: ServerCall,
  request: Buffer | undefined,
  requests?: AsyncIterable<Message>,
): GrpcIncoming {
  return new GrpcIncoming({ operation, call, request, requests });
}

interface GrpcIncomingParts {
  readonly operation: Operation;
  readonly call: ServerCall;
  readonly request: Buffer | undefined;
  readonly requests: AsyncIterable<Message> | undefined;
}

/** A gRPC call, and what its adapter has to report when it is over. */
export class GrpcIncoming implements Incoming, Handling {
  readonly #open: OpenCall;
  readonly #request: Buffer | undefined;
  #isNamed: boolean;
  #isCompleted = false;
  readonly operation: Operation;
  readonly transport = 'grpc';
  readonly form = 'binary';
  readonly metadata: ReadonlyMap<string, string>;
  readonly ending = new CallEnd();
  readonly responseMetadata = new Map<string, string>();
  readonly responseTrailers = new Map<string, string>();
  readonly requests: AsyncIterable<Message> | undefined;

  constructor({ operation, call, request, requests }: GrpcIncomingParts) {
    this.operation = operation;
    this.#request = request;
    this.requests = requests;
    // What the call's watch has put in the place of grpc-js's own.
    this.#open = (call.getAuthContext() as CallContext).open;
    this.#open.handling = this;
    this.metadata = readMetadata(this.#open.headers);
    this.#isNamed = this.metadata.has('idempotency-key');
  }

  get requestId(): string {
    return this.#open.requestId;
  }

  get peer(): string {
    return this.#open.connection.peer;
  }

  get deadline(): number | undefined {
    return this.#open.deadline;
  }

  evidence(): Evidence {
    return evidenceOf(this.#open, this.metadata);
  }

  /** To be called once the status is out: grpc-js says that a call is cancelled after every one, completed ones too. */
  completed(): void {
    this.#isCompleted = true;
  }

  /** Sends the reply of a unary call, which completes it. */
  respond(message: Uint8Array): void {
    this.#isCompleted = true;
    const { responseMetadata: metadata, responseTrailers: trailers } = this;
    this.#open.watch?.respond({ message, metadata, trailers });
  }

  left(): void {
    if (!this.#isCompleted) this.abort(cancelled());
  }

  abort(error: CallError): void {
    this.ending.begin(error);
  }

  /** Whether the call does no harm when the caller repeats it, as far as is known of its request. */
  mayRepeat(): boolean {
    return isRepeatable(this.operation) || (this.operation.effect === 'CREATE' && this.#isNamed);
  }

  read(): IncomingRequest {
    const message = decodeMessage(this.operation.input, this.#request ?? EMPTY);
    this.#isNamed ||= (message['request_id'] ?? '') !== '';
    return { kind: 'message', message };
  }
}

const EMPTY = new Uint8Array();

function evidenceOf({ connection: { origin } }: OpenCall, metadata: ReadonlyMap<string, string>): Evidence {
  const identityHeaders = pickIdentityHeaders((name) => {
    const value = metadata.get(name);
    return value === undefined ? undefined : [value];
  });
  const { address, certificate } = origin;
  const authorization = metadata.get('authorization');
  return { connection: origin, address, certificate, identityHeaders, authorization };
}

/** Whether an operation changes nothing, or comes to the same when it is carried out twice. */
function isRepeatable({ effect, idempotency }: Operation): boolean {
  return effect === 'READ' || effect === 'SECRET' || idempotency !== 'IDEMPOTENCY_UNKNOWN';
}

function cancelled(): CallError {
  return new CallError('CANCELLED', 'CALL_CANCELLED', 'The caller left before the call was done.');
}

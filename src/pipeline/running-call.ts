import type { Operation } from '../contract/operation.ts';
import type { Call, CallerShare, Incoming, IncomingRequest, VerbatimRequest } from '../rpc/call.ts';
import type { CallRecord } from '../telemetry/call-log.ts';
import type { Span } from '../telemetry/trace.ts';
import { createMessage, type Message } from '../transcoding/message.ts';
import type { Admission, AdmissionContext, Authority } from './admission.ts';
import { isBrought } from './credential.ts';
import type { Lifetime } from './lifetime.ts';

/** What is known of a call from its start. */
export interface Beginning {
  readonly incoming: Incoming;
  readonly requestId: string;
  /** Whether the service has made that id; else the caller has. */
  readonly isOwnId: boolean;
  readonly lifetime: Lifetime;
  /** Undefined: the call is not traced here. */
  readonly span: Span | undefined;
  /** The trace that the call belongs to, by its own span or its caller's. */
  readonly trace: CallRecord['trace'];
  /** Takes the call off the count of those under way. */
  readonly leave: () => void;
}

const NO_REQUEST = createMessage();

/** A call while it is under way. What comes to be known of it is added step by step, before a handler sees it. */
export class RunningCall implements Call, AdmissionContext {
  readonly incoming: Incoming;
  readonly requestId: string;
  readonly isOwnId: boolean;
  readonly startedAt = performance.now();
  readonly abortsAtDeadline = true;
  readonly lifetime: Lifetime;
  readonly span: Span | undefined;
  readonly trace: CallRecord['trace'];
  readonly leave: () => void;
  readonly operation: Operation;
  readonly metadata: ReadonlyMap<string, string>;
  readonly responseMetadata: Map<string, string>;
  readonly responseTrailers: Map<string, string> | undefined;
  readonly requests: AsyncIterable<Message> | undefined;
  /** Undefined: everybody may call the operation. */
  admission: Admission | undefined;
  /** The request as it was read, whether or not it was valid; undefined: it was not read. */
  read: IncomingRequest | undefined;
  request: Message = NO_REQUEST;
  verbatim: VerbatimRequest | undefined;
  idempotencyKey: string | undefined;
  waitMs: number | undefined;
  authority: Authority | undefined;

  constructor({ incoming, requestId, isOwnId, lifetime, span, trace, leave }: Beginning) {
    this.incoming = incoming;
    this.requestId = requestId;
    this.isOwnId = isOwnId;
    this.lifetime = lifetime;
    this.span = span;
    this.trace = trace;
    this.leave = leave;
    this.operation = incoming.operation;
    this.metadata = incoming.metadata;
    this.responseMetadata = incoming.responseMetadata;
    this.responseTrailers = incoming.responseTrailers;
    this.requests = incoming.requests;
  }

  get signal(): AbortSignal {
    return this.lifetime.signal;
  }

  get deadline(): number {
    return this.lifetime.deadline;
  }

  get traceId(): string | undefined {
    return this.trace?.traceId;
  }

  get credential(): string | undefined {
    return this.authority?.credential;
  }

  get isOwnCredential(): boolean {
    return this.authority !== undefined && isBrought(this.authority.source);
  }

  get renewCredential(): Call['renewCredential'] {
    return this.authority?.renewCredential;
  }

  get caller(): CallerShare | undefined {
    return this.authority?.caller;
  }
}

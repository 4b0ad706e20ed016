import { randomUUID } from 'node:crypto';
import { targetOf } from '../access/target.ts';
import { systemClock } from '../base/clock.ts';
import { spreadRetry } from '../base/spread.ts';
import { validate } from '../contract/validate.ts';
import type { Call, Dispatcher, Handler, Incoming, Reply, StreamHandler } from '../rpc/call.ts';
import { originMetadata } from '../rpc/reply.ts';
import { acceptedRequestId } from '../rpc/request-id.ts';
import { CallError } from '../status/call-error.ts';
import { type CallRecord, logCall } from '../telemetry/call-log.ts';
import { beginCallSpan, endCallSpan } from '../telemetry/call-span.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type BeginSpan, inSpan, readTraceContext, type Span } from '../telemetry/trace.ts';
import { createMessage } from '../transcoding/message.ts';
import type { Admission, Authority, OpenAdmission } from './admission.ts';
import { readCreation } from './creation.ts';
import { isBrought } from './credential.ts';
import { createLifetime, type Lifetime } from './lifetime.ts';
import { untilEnded, untilOver } from './until.ts';

/** How long a call may take: unless its caller says otherwise, and at most. */
export interface Timeout {
  readonly default: number;
  readonly max: number;
}

/** The options of the pipeline. */
export interface PipelineOptions {
  /** What serves each operation, by its full name. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** What serves a request that is passed on and watched, or walked. Default: nothing does. */
  readonly views?: Readonly<Record<'watch' | 'walk', StreamHandler>>;
  /** Decides who is let in, and with which Vultr key a call is made. */
  readonly openAdmission: OpenAdmission;
  readonly log: Logger;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** Default: nothing is traced. */
  readonly beginSpan?: BeginSpan | undefined;
  /** The deadline of a unary call whose caller named none, and the latest that one may name. */
  readonly unaryTimeoutMs: Timeout;
  /** The same for streams. */
  readonly streamTimeoutMs: Timeout;
}

/** The pipeline, and the switch that ends what is under way. */
export interface Pipeline extends Dispatcher {
  /** Ends every call that is under way: UNAVAILABLE, reason SHUTTING_DOWN. */
  abortAll(): void;
  /** Ends every stream in the same way; streams would never end by themselves. */
  abortStreams(): void;
}

/** What is known of a call while it is under way. */
interface CallState {
  readonly incoming: Incoming;
  readonly requestId: string;
  readonly startedAt: number;
  readonly lifetime: Lifetime;
  /** Undefined: the call is not traced here. */
  readonly span: Span | undefined;
  /** The trace that the call belongs to, by its own span or its caller's. */
  readonly trace: CallRecord['trace'];
  /** Ends the call when its caller may no longer do what it does. */
  readonly revocation: AbortController;
  /** Undefined: everybody may call the operation. */
  readonly admission: Admission | undefined;
  authority: Authority | undefined;
  /** Takes the call off the count of those under way. */
  readonly leave: () => void;
}

/**
 * Makes the pipeline that every call passes through, whatever its transport. The steps, in this order: request id, deadline,
 * who is calling, reading the request, validation, idempotency key, whether the caller may, the handler, how the reply came
 * about, sorting of failures, the line of the audit log, the log line.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  return new CallPipeline(options);
}

class CallPipeline implements Pipeline {
  readonly #options: PipelineOptions;
  readonly #shutdown = { unary: new AbortController(), streams: new AbortController() };

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  async unary(incoming: Incoming): Promise<Reply> {
    const state = this.#begin(incoming, this.#options.unaryTimeoutMs, this.#shutdown.unary.signal);
    return await inSpan(state.span, () => this.#serve(state));
  }

  async #serve(state: CallState): Promise<Reply> {
    const { incoming, lifetime } = state;
    try {
      const handler = handlerFor(this.#options.handlers, incoming, 'unary');
      const call = await this.#admit(state);
      const reply = await untilOver(handler.handle(call), lifetime);
      assertSendable(reply, incoming);
      noteOrigin(reply, incoming);
      const finishing = state.admission?.finish({ error: undefined, reply });
      if (finishing instanceof Promise) await finishing;
      this.#finish(state, undefined);
      return reply;
    } catch (thrown) {
      const error = endOf(lifetime, thrown);
      await state.admission?.finish({ error });
      this.#finish(state, error);
      throw error;
    } finally {
      lifetime.release();
    }
  }

  async *stream(incoming: Incoming): AsyncGenerator<Reply> {
    const state = this.#begin(incoming, this.#options.streamTimeoutMs, this.#shutdown.streams.signal);
    const { lifetime, span } = state;
    let messages = 0;
    let error: CallError | undefined;
    let unsubscribe: (() => void) | undefined;
    try {
      const handle = this.#streamHandler(incoming);
      const call = await inSpan(span, () => this.#admit(state));
      unsubscribe = state.authority?.onRevoked?.((revoked) => state.revocation.abort(revoked));
      for await (const reply of untilEnded(handle(call), lifetime, span)) {
        assertSendable(reply, incoming);
        messages += 1;
        yield reply;
      }
    } catch (thrown) {
      error = endOf(lifetime, thrown);
      throw error;
    } finally {
      unsubscribe?.();
      await state.admission?.finish({ error });
      lifetime.release();
      this.#finish(state, error, messages);
    }
  }

  refused(
    { transport, peer, target, requestId }: Parameters<Dispatcher['refused']>[0],
    error: CallError,
  ): void {
    const { log, metrics } = this.#options;
    const record = {
      method: target.slice(0, 200),
      transport,
      requestId,
      peer,
      userAgent: undefined,
      credential: undefined,
      durationMs: 0,
      code: error.code,
      error,
    };
    metrics?.recordCall(record, false);
    logCall(log, record);
  }

  abortAll(): void {
    this.#shutdown.unary.abort(shuttingDown());
    this.abortStreams();
  }

  abortStreams(): void {
    this.#shutdown.streams.abort(shuttingDown());
  }

  #begin(incoming: Incoming, timeoutMs: Timeout, shutdown: AbortSignal): CallState {
    const requestId = acceptedRequestId(incoming.metadata.get('x-request-id')) ?? randomUUID();
    incoming.responseMetadata.set('x-request-id', requestId);
    const deadline = deadlineOf(incoming.deadline, timeoutMs);
    let revocation: AbortController | undefined;
    const lifetime = createLifetime(deadline, [
      () => incoming.signal,
      () => shutdown,
      () => {
        revocation ??= new AbortController();
        return revocation.signal;
      },
    ]);
    const parent = readTraceContext(incoming.metadata);
    const { beginSpan } = this.#options;
    const span = beginSpan && beginCallSpan(beginSpan, incoming.operation.name, parent);
    const trace = span ?? (parent && { traceId: parent.traceId });
    const context = {
      requestId,
      traceId: trace?.traceId,
      get signal() {
        return lifetime.signal;
      },
    };
    const isOpen = targetOf(incoming.operation) === undefined;
    return {
      incoming,
      requestId,
      startedAt: performance.now(),
      lifetime,
      span,
      trace,
      get revocation() {
        revocation ??= new AbortController();
        return revocation;
      },
      admission: isOpen ? undefined : this.#options.openAdmission(incoming, context),
      authority: undefined,
      leave: this.#options.metrics?.beginCall() ?? (() => undefined),
    };
  }

  #streamHandler(incoming: Incoming): StreamHandler {
    const { handlers, views } = this.#options;
    const view = incoming.view === undefined ? undefined : views?.[incoming.view];
    return view ?? handlerFor(handlers, incoming, 'server_streaming').handle;
  }

  /** The steps between the arrival of a call and its handler. */
  async #admit(state: CallState): Promise<Call> {
    const { incoming, lifetime, requestId, admission } = state;
    const { operation, metadata, responseMetadata, responseTrailers, requests } = incoming;
    const identifying = admission?.identify();
    if (identifying instanceof Promise) await lifetime.until(identifying);
    const reading = incoming.read();
    const read = reading instanceof Promise ? await lifetime.until(reading) : reading;
    const request = read.kind === 'message' ? read.message : createMessage();
    if (read.kind === 'message') {
      const violations = validate(operation.input, request);
      if (violations.length > 0) throw CallError.invalid(violations);
    }
    const { idempotencyKey, waitMs } = readCreation(operation, request, metadata);
    if (waitMs !== undefined) this.#allowWait(state, waitMs);
    const admitting = admission?.admit(read, idempotencyKey);
    const authority = admitting instanceof Promise ? await lifetime.until(admitting) : admitting;
    state.authority = authority;
    return {
      operation,
      request,
      verbatim: read.kind === 'verbatim' ? read.request : undefined,
      metadata,
      get signal() {
        return lifetime.signal;
      },
      deadline: lifetime.deadline,
      requestId,
      credential: authority?.credential,
      isOwnCredential: authority !== undefined && isBrought(authority.source),
      renewCredential: authority?.renewCredential,
      caller: authority?.caller,
      idempotencyKey,
      waitMs,
      responseMetadata,
      responseTrailers,
      requests,
    };
  }

  /** A call has that much longer than others as its caller wants to wait for what it creates. */
  #allowWait({ incoming, lifetime }: CallState, waitMs: number): void {
    const { unaryTimeoutMs: usual } = this.#options;
    const longer = { default: usual.default + waitMs, max: usual.max + waitMs };
    lifetime.moveDeadline(deadlineOf(incoming.deadline, longer));
  }

  #finish(state: CallState, error: CallError | undefined, messages?: number): void {
    const { incoming, requestId, startedAt, admission, authority, span, trace } = state;
    const identity = admission?.identity;
    const { log, metrics } = this.#options;
    state.leave();
    const record = {
      method: incoming.operation.name,
      transport: incoming.transport,
      requestId,
      peer: incoming.peer,
      caller: identity?.caller.name,
      proofs: identity?.proofs,
      userAgent: incoming.metadata.get('user-agent'),
      credential: authority?.source,
      secret: authority?.credential,
      durationMs: performance.now() - startedAt,
      code: error?.code ?? 'OK',
      error,
      trace,
      ...(messages !== undefined && { messages }),
    };
    metrics?.recordCall(record, true);
    logCall(log, record);
    if (span !== undefined) endCallSpan(span, record, incoming.http);
  }
}

/** What ended a call: when its lifetime did, that counts, unless the handler knows that the outcome is open. */
function endOf(lifetime: Lifetime, thrown: unknown): CallError {
  const knowsBetter = thrown instanceof CallError && thrown.reason === 'CREATE_UNCERTAIN';
  const reason = lifetime.endReason;
  if (reason === undefined || knowsBetter) return withOwnTime(CallError.from(thrown));
  // Each caller is told a time of its own, so that they do not come to the next replica together.
  return reason.reason === 'SHUTTING_DOWN' ? shuttingDown() : reason;
}

/**
 * Everybody whom Vultr refuses at the same moment, or who shares one request, gets the same wait from it. Each caller is told a
 * time of its own, never an earlier one.
 */
function withOwnTime(error: CallError): CallError {
  const isVultrs = error.vultr !== undefined || error.reason === 'VULTR_UNAVAILABLE';
  if (!isVultrs || error.retryDelayMs === undefined) return error;
  return error.withRetryDelay(spreadRetry(error.retryDelayMs, Math.random));
}

/**
 * Encodes a reply while the call can still fail: one that a Struct cannot carry is to be seen in the log line, too. The reply
 * keeps the bytes for its transport.
 */
function assertSendable(reply: Reply, { form }: Incoming): void {
  if (form === 'binary') reply.toBinary();
  else if (form === 'json') reply.toJson();
}

/** Tells the caller how its reply came about. */
function noteOrigin({ origin }: Reply, { responseMetadata }: Incoming): void {
  if (origin === undefined) return;
  for (const [name, value] of Object.entries(originMetadata(origin))) responseMetadata.set(name, value);
}

function handlerFor<K extends Handler['kind']>(
  handlers: ReadonlyMap<string, Handler>,
  incoming: Incoming,
  kind: K,
): Extract<Handler, { kind: K }> {
  const handler = handlers.get(incoming.operation.name);
  if (handler === undefined || handler.kind !== kind) {
    throw new Error(`${incoming.operation.name} has no ${kind} handler`);
  }
  return handler as Extract<Handler, { kind: K }>;
}

function deadlineOf(wanted: number | undefined, timeoutMs: Timeout): number {
  const now = systemClock.now();
  return Math.min(wanted ?? now + timeoutMs.default, now + timeoutMs.max);
}

function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'This replica of the service is shutting down. Call again: another replica serves the call.',
    { retryDelayMs: spreadRetry(1_000, Math.random) },
  );
}

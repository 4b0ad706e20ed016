import { randomUUID } from 'node:crypto';
import { maskSecretsOf } from '../access/request-secrets.ts';
import { targetOf } from '../access/target.ts';
import { systemClock } from '../base/clock.ts';
import { type MaybeSoon, whenThere } from '../base/soon.ts';
import { validate } from '../contract/validate.ts';
import type { Dispatcher, Handler, Incoming, IncomingRequest, Reply, StreamHandler } from '../rpc/call.ts';
import { CallEnd, type EndSource } from '../rpc/call-end.ts';
import { noteOrigin } from '../rpc/reply.ts';
import { acceptedRequestId } from '../rpc/request-id.ts';
import { CallError } from '../status/call-error.ts';
import { logCall } from '../telemetry/call-log.ts';
import { beginCallSpan, endCallSpan } from '../telemetry/call-span.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type BeginSpan, inSpan, readTraceContext } from '../telemetry/trace.ts';
import type { OpenAdmission } from './admission.ts';
import { readCreation } from './creation.ts';
import { endOf } from './ending.ts';
import { createLifetime } from './lifetime.ts';
import { RunningCall } from './running-call.ts';
import { Shutdown } from './shutdown.ts';
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
  readonly #shutdown = { unary: new Shutdown(), streams: new Shutdown() };

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  unary(incoming: Incoming): MaybeSoon<Reply> {
    const ends = [incoming.ending, this.#shutdown.unary];
    const call = this.#begin(incoming, this.#options.unaryTimeoutMs, ends);
    return call.span === undefined ? this.#serve(call) : inSpan(call.span, () => this.#serve(call));
  }

  #serve(call: RunningCall): MaybeSoon<Reply> {
    try {
      const handler = handlerFor(this.#options.handlers, call.incoming, 'unary');
      const reply = whenThere(this.#admit(call), () => handler.handle(call));
      return reply instanceof Promise ? this.#serveLater(call, reply) : this.#succeed(call, reply);
    } catch (thrown) {
      return this.#fail(call, thrown);
    }
  }

  async #serveLater(call: RunningCall, handled: Promise<Reply>): Promise<Reply> {
    let reply: Reply;
    try {
      reply = await untilOver(handled, call.lifetime);
    } catch (thrown) {
      return await this.#fail(call, thrown);
    }
    return await this.#succeed(call, reply);
  }

  #succeed(call: RunningCall, reply: Reply): MaybeSoon<Reply> {
    try {
      assertSendable(reply, call.incoming);
    } catch (thrown) {
      return this.#fail(call, thrown);
    }
    if (reply.origin !== undefined) noteOrigin(call.responseMetadata, reply.origin);
    return whenThere(call.admission?.finish({ error: undefined, reply }), () => {
      this.#finish(call, undefined);
      return reply;
    });
  }

  async #fail(call: RunningCall, thrown: unknown): Promise<never> {
    const error = endOf(call.lifetime, thrown);
    await call.admission?.finish({ error });
    this.#finish(call, error);
    throw error;
  }

  async *stream(incoming: Incoming): AsyncGenerator<Reply> {
    const revocation = new CallEnd();
    const ends = [incoming.ending, revocation, this.#shutdown.streams];
    const call = this.#begin(incoming, this.#options.streamTimeoutMs, ends);
    const { lifetime, span } = call;
    let messages = 0;
    let error: CallError | undefined;
    let unsubscribe: (() => void) | undefined;
    try {
      const handle = this.#streamHandler(incoming);
      await inSpan(span, () => this.#admit(call));
      unsubscribe = call.authority?.onRevoked?.((revoked) => revocation.begin(revoked));
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
      await call.admission?.finish({ error });
      this.#finish(call, error, messages);
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
    this.#shutdown.unary.begin();
    this.abortStreams();
  }

  abortStreams(): void {
    this.#shutdown.streams.begin();
  }

  #begin(incoming: Incoming, timeoutMs: Timeout, ends: readonly EndSource[]): RunningCall {
    const { openAdmission, beginSpan, metrics } = this.#options;
    const { operation, metadata, responseMetadata } = incoming;
    const given = acceptedRequestId(metadata.get('x-request-id'));
    const requestId = given ?? incoming.requestId ?? randomUUID();
    responseMetadata.set('x-request-id', requestId);
    const deadline = deadlineOf(incoming.deadline, timeoutMs);
    const lifetime = createLifetime(deadline, ends);
    const parent = readTraceContext(metadata);
    const span = beginSpan && beginCallSpan(beginSpan, operation.name, parent);
    const call = new RunningCall({
      incoming,
      requestId,
      isOwnId: given === undefined,
      lifetime,
      span,
      trace: span ?? (parent && { traceId: parent.traceId }),
      leave: metrics?.beginCall() ?? nothing,
    });
    if (targetOf(operation) !== undefined) call.admission = openAdmission(incoming, call);
    return call;
  }

  #streamHandler(incoming: Incoming): StreamHandler {
    const { handlers, views } = this.#options;
    const view = incoming.view === undefined ? undefined : views?.[incoming.view];
    return view ?? handlerFor(handlers, incoming, 'server_streaming').handle;
  }

  /** The steps between the arrival of a call and its handler. */
  #admit(call: RunningCall): MaybeSoon<void> {
    const { lifetime, admission, incoming } = call;
    return whenThere(lifetime.until(admission?.identify()), () =>
      whenThere(lifetime.until(incoming.read()), (read) => this.#authorize(call, read)),
    );
  }

  #authorize(call: RunningCall, read: IncomingRequest): MaybeSoon<void> {
    const { operation, metadata, lifetime, admission } = call;
    call.read = read;
    if (read.kind === 'verbatim') call.verbatim = read.request;
    else {
      const violations = validate(operation.input, read.message);
      if (violations.length > 0) throw CallError.invalid(violations);
      call.request = read.message;
    }
    const { idempotencyKey, waitMs } = readCreation(operation, call.request, metadata);
    call.idempotencyKey = idempotencyKey;
    call.waitMs = waitMs;
    if (waitMs !== undefined) this.#allowWait(call, waitMs);
    return whenThere(lifetime.until(admission?.admit(read, idempotencyKey)), (authority) => {
      call.authority = authority;
    });
  }

  /** A call has that much longer than others as its caller wants to wait for what it creates. */
  #allowWait({ incoming, lifetime }: RunningCall, waitMs: number): void {
    const { unaryTimeoutMs: usual } = this.#options;
    const longer = { default: usual.default + waitMs, max: usual.max + waitMs };
    lifetime.moveDeadline(deadlineOf(incoming.deadline, longer));
  }

  #finish(call: RunningCall, error: CallError | undefined, messages?: number): void {
    const { incoming, requestId, startedAt, admission, authority, span, trace } = call;
    const identity = admission?.identity;
    const { log, metrics } = this.#options;
    call.lifetime.release();
    call.leave();
    const record = {
      method: incoming.operation.name,
      transport: incoming.transport,
      requestId,
      isOwn: { method: true, requestId: call.isOwnId },
      peer: incoming.peer,
      caller: identity?.caller.name,
      proofs: identity?.proofs,
      userAgent: incoming.metadata.get('user-agent'),
      credential: authority?.source,
      secret: authority?.credential,
      durationMs: performance.now() - startedAt,
      code: error?.code ?? 'OK',
      error,
      maskError: error && maskSecretsOf(incoming.operation, call.read),
      trace,
      messages,
    };
    metrics?.recordCall(record, true);
    logCall(log, record);
    if (span !== undefined) endCallSpan(span, record, incoming.http);
  }
}

function nothing(): void {}

/**
 * Encodes a reply while the call can still fail: one that a Struct cannot carry is to be seen in the log line, too. The reply
 * keeps the bytes for its transport.
 */
function assertSendable(reply: Reply, { form }: Incoming): void {
  if (form === 'binary') reply.toBinary();
  else if (form === 'json') reply.toJson();
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

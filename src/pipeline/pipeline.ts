import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import type { Call, Dispatcher, Handler, Incoming, Reply } from '../rpc/call.ts';
import { originMetadata } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { logCall } from '../telemetry/call-log.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createMessage, type Message } from '../transcoding/message.ts';
import { type CredentialSource, findCredential } from './credential.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { createLifetime, type Lifetime } from './lifetime.ts';

/** What the pipeline is made of. */
export interface PipelineOptions {
  /** What serves each operation, by its full name. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** The service's own Vultr API key. */
  readonly serviceKey: string | undefined;
  readonly log: Logger;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** The deadline of a unary call whose caller named none, and the latest that one may name. */
  readonly unaryTimeoutMs: Timeout;
  /** The same for streams. */
  readonly streamTimeoutMs: Timeout;
}

/** How long a call may take: unless its caller says otherwise, and at most. */
interface Timeout {
  readonly default: number;
  readonly max: number;
}

/** The pipeline, and the switch that ends what is under way. */
export interface Pipeline extends Dispatcher {
  /** Ends every call that is under way: UNAVAILABLE, reason SHUTTING_DOWN. */
  abortAll(): void;
  /** Ends every stream likewise; they would never end by themselves. */
  abortStreams(): void;
}

/** What is known of a call while it is under way. */
interface CallState {
  readonly incoming: Incoming;
  readonly requestId: string;
  readonly startedAt: number;
  /** On the clock of the service. */
  readonly deadline: number;
  readonly lifetime: Lifetime;
  credential: CredentialSource | undefined;
  /** Takes the call off the count of those under way. */
  readonly leave: () => void;
}

/**
 * Makes what every call passes through, whichever the transport. The steps, in this order: request id, deadline, reading the
 * request, validation, credential, idempotency key, the handler, how the reply came about, sorting of failures, the log line.
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
    const { lifetime } = state;
    try {
      const handler = handlerFor(this.#options.handlers, incoming, 'unary');
      const call = await this.#admit(state);
      const reply = await untilOver(handler.handle(call), lifetime);
      assertSendable(reply, incoming);
      noteOrigin(reply, incoming);
      this.#finish(state, undefined);
      return reply;
    } catch (thrown) {
      const error = endOf(lifetime, thrown);
      this.#finish(state, error);
      throw error;
    } finally {
      lifetime.release();
    }
  }

  async *stream(incoming: Incoming): AsyncGenerator<Reply> {
    const state = this.#begin(incoming, this.#options.streamTimeoutMs, this.#shutdown.streams.signal);
    const { lifetime } = state;
    let messages = 0;
    let error: CallError | undefined;
    try {
      const handler = handlerFor(this.#options.handlers, incoming, 'server_streaming');
      const call = await this.#admit(state);
      for await (const reply of untilEnded(handler.handle(call), lifetime)) {
        assertSendable(reply, incoming);
        messages += 1;
        yield reply;
      }
    } catch (thrown) {
      error = endOf(lifetime, thrown);
      throw error;
    } finally {
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
      caller: peer,
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
    return {
      incoming,
      requestId,
      startedAt: performance.now(),
      deadline,
      lifetime: createLifetime(deadline, [() => incoming.signal, () => shutdown]),
      credential: undefined,
      leave: this.#options.metrics?.beginCall() ?? (() => undefined),
    };
  }

  /** The steps between the arrival of a call and its handler. */
  async #admit(state: CallState): Promise<Call> {
    const { incoming, lifetime, deadline, requestId } = state;
    const { operation, metadata, responseMetadata, requests } = incoming;
    const reading = incoming.read();
    const read = reading instanceof Promise ? await lifetime.until(reading) : reading;
    const request = read.kind === 'message' ? read.message : createMessage();
    if (read.kind === 'message') {
      const violations = validate(operation.input, request);
      if (violations.length > 0) throw CallError.invalid(violations);
    }
    const credential = asksVultr(operation)
      ? findCredential(request, metadata, this.#options.serviceKey)
      : undefined;
    state.credential = credential?.source;
    return {
      operation,
      request,
      verbatim: read.kind === 'verbatim' ? read.request : undefined,
      metadata,
      get signal() {
        return lifetime.signal;
      },
      deadline,
      requestId,
      credential: credential?.key,
      caller: undefined,
      idempotencyKey: readKey(incoming, request),
      responseMetadata,
      requests,
    };
  }

  #finish(state: CallState, error: CallError | undefined, messages?: number): void {
    const { incoming, requestId, startedAt, credential } = state;
    const { log, metrics } = this.#options;
    state.leave();
    const record = {
      method: incoming.operation.name,
      transport: incoming.transport,
      requestId,
      caller: incoming.peer,
      userAgent: incoming.metadata.get('user-agent'),
      credential,
      durationMs: performance.now() - startedAt,
      code: error?.code ?? 'OK',
      error,
      ...(messages !== undefined && { messages }),
    };
    metrics?.recordCall(record, true);
    logCall(log, record);
  }
}

/**
 * Health and reflection, which have no HTTP form, are the service's own: whatever credential a proxy adds to them, for
 * itself, is not looked at.
 */
function asksVultr({ bindings, isRaw }: Operation): boolean {
  return bindings.length > 0 || isRaw;
}

/** Only a creation has a use for a key: to repeat anything else under one is to repeat it. */
function readKey({ operation, metadata }: Incoming, request: Message): string | undefined {
  return operation.effect === 'CREATE' ? readIdempotencyKey(request, metadata) : undefined;
}

/** What ended a call: when its lifetime did, that counts, unless the handler knows that the outcome is open. */
function endOf(lifetime: Lifetime, thrown: unknown): CallError {
  const knowsBetter = thrown instanceof CallError && thrown.reason === 'CREATE_UNCERTAIN';
  return knowsBetter ? thrown : (lifetime.endReason ?? CallError.from(thrown));
}

/**
 * The reply of a handler until the call's lifetime ends. A handler that heeds its signal has a moment then to say how far it
 * came: a creation that was sent and then cut off must not look like one that can be repeated.
 */
async function untilOver(reply: Promise<Reply>, lifetime: Lifetime): Promise<Reply> {
  try {
    return await lifetime.until(reply);
  } catch (thrown) {
    if (lifetime.endReason === undefined) throw thrown;
    // The handler's own rejection is under way, if it heeds its signal; one that does not must not hold the call.
    return await Promise.race([reply, setImmediate(undefined).then(() => Promise.reject(thrown))]);
  }
}

/**
 * Encodes a reply for gRPC while the call can still fail: one that a Struct cannot carry is to be seen in the log line, too.
 * The reply keeps the bytes for its transport.
 */
function assertSendable(reply: Reply, { transport }: Incoming): void {
  if (transport === 'grpc') reply.toBinary();
}

/** Tells the caller how its reply came about. */
function noteOrigin({ origin }: Reply, { responseMetadata }: Incoming): void {
  if (origin === undefined) return;
  for (const [name, value] of Object.entries(originMetadata(origin))) responseMetadata.set(name, value);
}

/** The messages of a handler until the call's lifetime ends, even when the handler does not heed its signal. */
async function* untilEnded(replies: AsyncIterable<Reply>, lifetime: Lifetime): AsyncGenerator<Reply> {
  const iterator = replies[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await lifetime.until(iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a handler that is stuck must not hold the call. Its failure has been told already, if it was one.
    iterator.return?.().catch(() => undefined);
  }
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

/** A caller's request id is taken over when it is short and harmless in a log and a header. */
export function acceptedRequestId(id: string | undefined): string | undefined {
  return id !== undefined && /^[A-Za-z0-9._:/+=-]{1,128}$/.test(id) ? id : undefined;
}

function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'This replica of the service is shutting down. Call again: another replica serves the call.',
    { retryDelayMs: 1_000 },
  );
}

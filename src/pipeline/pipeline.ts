import { randomUUID } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { validate } from '../contract/validate.ts';
import type { Call, Dispatcher, Handler, Incoming, Reply } from '../rpc/call.ts';
import { originMetadata } from '../rpc/reply.ts';
import { CallError } from '../status/call-error.ts';
import { type CallRecord, logCall } from '../telemetry/call-log.ts';
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
  readonly unaryTimeoutMs: { readonly default: number; readonly max: number };
  /** The same for streams. */
  readonly streamTimeoutMs: { readonly default: number; readonly max: number };
}

/** The pipeline, and the switch that ends what is under way. */
export interface Pipeline extends Dispatcher {
  /** Ends every call that is under way: UNAVAILABLE, reason SHUTTING_DOWN. */
  abortAll(): void;
  /** Ends every stream likewise; they would never end by themselves. */
  abortStreams(): void;
}

/** What is found out about a call on its way, for the log. */
interface CallState {
  readonly incoming: Incoming;
  readonly requestId: string;
  readonly startedAt: number;
  credential: CredentialSource | undefined;
  /** Takes the call off the count of those under way. */
  readonly leave: () => void;
}

/**
 * What every call passes through, whichever the transport: request id, deadline, reading the request, validation,
 * credential, the handler, sorting of failures, the log line.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const shutdown = { unary: new AbortController(), streams: new AbortController() };

  /** Runs the steps before the handler. */
  async function admit(state: CallState, lifetime: Lifetime, deadline: number): Promise<Call> {
    const { incoming } = state;
    const read = await Promise.race([incoming.read(), lifetime.ended]);
    const request = read.kind === 'message' ? read.message : createMessage();
    if (read.kind === 'message') {
      const violations = validate(incoming.operation.input, request);
      if (violations.length > 0) throw CallError.invalid(violations);
    }
    const credential = asksVultr(incoming.operation)
      ? findCredential(request, incoming.metadata, options.serviceKey)
      : undefined;
    state.credential = credential?.source;
    return {
      operation: incoming.operation,
      request,
      verbatim: read.kind === 'verbatim' ? read.request : undefined,
      metadata: incoming.metadata,
      signal: lifetime.signal,
      deadline,
      requestId: state.requestId,
      credential: credential?.key,
      idempotencyKey: readKey(incoming, request),
      responseMetadata: incoming.responseMetadata,
      requests: incoming.requests,
    };
  }

  function begin(incoming: Incoming): CallState {
    const requestId = acceptedRequestId(incoming.metadata.get('x-request-id')) ?? randomUUID();
    incoming.responseMetadata.set('x-request-id', requestId);
    const leave = options.metrics?.beginCall() ?? (() => undefined);
    return { incoming, requestId, startedAt: performance.now(), credential: undefined, leave };
  }

  function record(isKnown: boolean, call: CallRecord): void {
    options.metrics?.recordCall(call, isKnown);
    logCall(options.log, call);
  }

  function finish(state: CallState, error: CallError | undefined, messages?: number): void {
    const { incoming, requestId, startedAt, credential } = state;
    state.leave();
    record(true, {
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
    });
  }

  return {
    async unary(incoming) {
      const state = begin(incoming);
      const deadline = deadlineOf(incoming.deadline, options.unaryTimeoutMs);
      const lifetime = createLifetime(deadline, [incoming.signal, shutdown.unary.signal]);
      try {
        const handler = handlerFor(options.handlers, incoming, 'unary');
        const call = await admit(state, lifetime, deadline);
        const reply = await Promise.race([handler.handle(call), lifetime.ended]);
        assertSendable(reply, incoming);
        noteOrigin(reply, incoming);
        finish(state, undefined);
        return reply;
      } catch (thrown) {
        const error = endOf(lifetime, thrown);
        finish(state, error);
        throw error;
      } finally {
        lifetime.release();
      }
    },

    async *stream(incoming) {
      const state = begin(incoming);
      const deadline = deadlineOf(incoming.deadline, options.streamTimeoutMs);
      const lifetime = createLifetime(deadline, [incoming.signal, shutdown.streams.signal]);
      let messages = 0;
      let error: CallError | undefined;
      try {
        const handler = handlerFor(options.handlers, incoming, 'server_streaming');
        const call = await admit(state, lifetime, deadline);
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
        finish(state, error, messages);
      }
    },

    refused({ transport, peer, target, requestId }, error) {
      record(false, {
        method: target.slice(0, 200),
        transport,
        requestId,
        caller: peer,
        userAgent: undefined,
        credential: undefined,
        durationMs: 0,
        code: error.code,
        error,
      });
    },

    abortAll() {
      shutdown.unary.abort(shuttingDown());
      shutdown.streams.abort(shuttingDown());
    },

    abortStreams() {
      shutdown.streams.abort(shuttingDown());
    },
  };
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

/** What ended a call: when its lifetime did, that counts, not the failure that the abort led to. */
function endOf(lifetime: Lifetime, thrown: unknown): CallError {
  return CallError.from(lifetime.signal.aborted ? lifetime.signal.reason : thrown);
}

/**
 * Encodes an answer for gRPC while the call can still fail: one that a Struct cannot carry is to be seen in the log line,
 * too. The reply keeps the bytes for its transport.
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
      const next = await Promise.race([iterator.next(), lifetime.ended]);
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

function deadlineOf(wanted: number | undefined, timeoutMs: { default: number; max: number }): number {
  const now = systemClock.now();
  return Math.min(wanted ?? now + timeoutMs.default, now + timeoutMs.max);
}

/**
 * The request id of a caller, which is taken over when it is short and harmless in a log and a header.
 * @returns undefined when it is not, or there is none
 */
export function acceptedRequestId(id: string | undefined): string | undefined {
  return id !== undefined && /^[A-Za-z0-9._:/+=-]{1,128}$/.test(id) ? id : undefined;
}

function shuttingDown(): CallError {
  return new CallError(
    'UNAVAILABLE',
    'SHUTTING_DOWN',
    'The service is going down. Call again: another one answers.',
    {
      retryDelayMs: 1_000,
    },
  );
}

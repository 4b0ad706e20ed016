import type { Clock } from '../base/clock.ts';
import type { Operation } from '../contract/operation.ts';
import { type JsonObject, stringifyJson } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError } from '../status/call-error.ts';
import type { VultrResponse } from '../vultr/request.ts';
import type { CallOptions, UpstreamOperation, UpstreamRequest, Vultr } from '../vultr/vultr.ts';
import { findReading, type Reading } from './find-reading.ts';
import { compileGoal } from './goal.ts';
import { isObject } from './json-diff.ts';
import { createdIn } from './observe-changes.ts';
import { ownerOf } from './options.ts';
import { watchThing } from './watch-thing.ts';
import type { Watches } from './watches.ts';

/** The options of waiting. */
export interface WaitOptions {
  readonly vultr: Vultr;
  readonly watches: Watches;
  readonly resolve: (method: string, path: string) => Operation;
  readonly clock: Clock;
}

/**
 * Wraps the way to Vultr so that a creation whose caller wants to wait ends when the new thing is ready. Its response is that
 * of the creation, with the members of the thing updated. What Vultr reveals only at the creation stays in it.
 *
 * The `vultr` must be the one that makes creations idempotent, so that a caller who repeats a creation goes on waiting.
 */
export function createAndWait({ vultr, watches, resolve, clock }: WaitOptions): Vultr {
  async function create(
    operation: UpstreamOperation,
    request: UpstreamRequest,
    options: CallOptions,
    waitMs: number,
  ): Promise<VultrResponse> {
    const response = await vultr.call(operation, request, options);
    if (response.status >= 300) return response;
    const id = createdIn(operation, response);
    // What is not known to have been made, or by what, is not known to be ready either.
    if (id === undefined && operation.create?.idPaths.length !== 0) return response;
    const reading = id === undefined ? undefined : findReading(operation, request.path, id, resolve);
    if (id === undefined || reading === undefined) return { ...response, readyWithinMs: waitMs };
    const untilMs = Math.min(clock.now() + waitMs, options.deadline - MARGIN_MS);
    const state = await untilReady(watches, reading, options, untilMs - clock.now(), { id, response });
    return { ...merge(response, state), readyWithinMs: waitMs };
  }

  return {
    call: (operation, request, options) => {
      const { waitMs } = options;
      return waitMs !== undefined && operation.effect === 'CREATE'
        ? create(operation, request, options, waitMs)
        : vultr.call(operation, request, options);
    },
  };
}

/** The part of a call's time that is reserved for the reply. */
const MARGIN_MS = 500;

async function untilReady(
  watches: Watches,
  { operation, request }: Reading,
  options: CallOptions,
  leftMs: number,
  made: { readonly id: string; readonly response: VultrResponse },
): Promise<JsonObject | undefined> {
  const { signal } = options;
  const outOfTime = new AbortController();
  const timer = setTimeout(() => outOfTime.abort(), Math.max(0, leftMs));
  try {
    const events = watchThing(
      watches,
      { ...ownerOf(options), operation, request },
      {
        goal: await compileGoal('ready', operation.states),
        select: (state) => state,
        form: 'whole',
        lastId: '',
        signal: AbortSignal.any([signal, outOfTime.signal]),
      },
    );
    for await (const { change, isReached } of events) {
      if (isReached) return change?.form === 'whole' ? change.state.value : undefined;
    }
  } catch (thrown) {
    throw withId(CallError.from(thrown), made.id);
  } finally {
    clearTimeout(timer);
  }
  if (signal.aborted) throw signal.reason;
  throw notReadyYet(made);
}

/** The creation's response, updated with the current state of the thing. */
function merge(response: VultrResponse, state: JsonObject | undefined): VultrResponse {
  if (state === undefined) return response;
  const created = payloadOf(response.body).value;
  const merged: JsonObject = { ...created };
  for (const [name, member] of Object.entries(state)) {
    const before = created[name];
    merged[name] = isObject(before) && isObject(member) ? { ...before, ...member } : member;
  }
  return { ...response, body: Buffer.from(stringifyJson(merged)) };
}

/** Whoever asks again goes on waiting, so that it need not be later. */
const RETRY_MS = 1_000;

/** Over HTTP the caller gets the response of the creation itself, with the status 202. */
function notReadyYet({ id, response }: { readonly id: string; readonly response: VultrResponse }): CallError {
  const { contentType, body } = response;
  const text = `${id} was created and is not ready yet. Repeat the call with the same request_id to go on waiting.`;
  return new CallError('UNAVAILABLE', 'NOT_READY_YET', text, {
    metadata: { id },
    retryDelayMs: RETRY_MS,
    httpStatus: 202,
    vultr: {
      status: 202,
      error: text,
      response: { status: 202, contentType, body, retryAfter: String(RETRY_MS / 1_000) },
    },
  });
}

/** However the waiting ended, the thing exists and costs money. */
function withId(error: CallError, id: string): CallError {
  const text = `${id} was created, but waiting for it failed. ${error.message}`;
  return new CallError(error.code, error.reason, text, {
    metadata: { ...error.metadata, id },
    ...(error.retryDelayMs !== undefined && { retryDelayMs: error.retryDelayMs }),
    cause: error,
  });
}

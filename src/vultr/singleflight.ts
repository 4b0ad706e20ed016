import type { Clock } from '../base/clock.ts';
import { resolvePositive } from '../base/limits.ts';
import { abortError } from '../status/abort.ts';
import type { VultrObserver } from './observe.ts';
import type { SendContext, Stage, VultrRequest, VultrResponse } from './request.ts';
import { SharedCall } from './shared-call.ts';

/** What bounds the sharing. */
export interface SingleflightLimits {
  /** Requests that can be shared at the same time; further ones are sent for their caller alone. Default 1000. */
  readonly maxShared: number;
  /** How long after its start a request takes further callers, so that none is kept alive by them. Default 30 000. */
  readonly joinableMs: number;
}

const DEFAULT_LIMITS: SingleflightLimits = { maxShared: 1_000, joinableMs: 30_000 };

/** The options of the stage. */
export interface SingleflightOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly limits?: Partial<SingleflightLimits>;
  /** Default: nothing is called. */
  readonly observe?: VultrObserver;
}

interface OpenCall {
  /** Where it is kept. To put it together again takes longer than to look it up. */
  readonly key: string;
  readonly shared: SharedCall;
  readonly request: VultrRequest;
  readonly startedAt: number;
}

/**
 * Lets identical reads that run at the same time share one request to Vultr: the same method, path, query, kind and
 * credential. Each caller keeps its own signal and hears at once when it aborts; the request itself ends when its last
 * caller has left. A caller reads what it wrote: once a change is through, nobody with its credential joins a read that
 * was already under way.
 *
 * It stands below enforceDeadline, so that every caller's signal aborts at its deadline, and above the stages that repeat,
 * queue and send. The bodies of the responses are shared, too, and must not be changed.
 * @throws TypeError when a limit is not usable
 */
export function singleflight(options: SingleflightOptions): Stage {
  const { clock, limits: given = {}, observe = () => undefined } = options;
  const limits = resolvePositive('singleflight', DEFAULT_LIMITS, given);
  return (next) => {
    /** By credential and path, which tell most requests apart; the rest is compared. */
    const open = new Map<string, OpenCall[]>();
    let size = 0;

    /** The call to join, a new one when there is none; undefined when there are too many. */
    function find(request: VultrRequest): SharedCall | undefined {
      const key = keyOf(request);
      const others = open.get(key);
      const running = others?.find((one) => isSame(one.request, request));
      if (running !== undefined && isJoinable(running)) {
        observe({ kind: 'shared' });
        return running.shared;
      }
      if (running !== undefined) close(running);
      else if (size >= limits.maxShared) return undefined;
      const begun: OpenCall = {
        key,
        shared: new SharedCall(next, () => close(begun)),
        request,
        startedAt: clock.now(),
      };
      // The list is gone when the only one in it has just been closed.
      if (others === undefined || others.length === 0) open.set(key, [begun]);
      else others.push(begun);
      size += 1;
      return begun.shared;
    }

    /** From now on, nobody joins a call. */
    function close(call: OpenCall): void {
      const calls = open.get(call.key) ?? [];
      const index = calls.indexOf(call);
      if (index < 0) return;
      calls.splice(index, 1);
      size -= 1;
      if (calls.length === 0) open.delete(call.key);
    }

    function isJoinable({ startedAt }: OpenCall): boolean {
      const ageMs = clock.now() - startedAt;
      return ageMs >= 0 && ageMs < limits.joinableMs;
    }

    async function change(request: VultrRequest, context: SendContext): Promise<VultrResponse> {
      try {
        return await next(request, context);
      } finally {
        const credential = credentialOf(request);
        const calls = [...open.values()].flat();
        for (const call of calls) if (credentialOf(call.request) === credential) close(call);
      }
    }

    return (request, context) => {
      if (context.signal.aborted) return Promise.reject(abortError(context.signal));
      if (!isRead(request)) return change(request, context);
      const shared = find(request);
      return shared === undefined ? next(request, context) : shared.join(request, context);
    };
  };
}

/** The credential as it is, which a request holds for as long as it is kept here. */
function credentialOf({ isPublic, credential }: VultrRequest): string {
  return isPublic ? '' : (credential ?? '');
}

function keyOf(request: VultrRequest): string {
  return credentialOf(request) + request.path;
}

/** Whether two requests that are reads can be one. */
function isSame(one: VultrRequest, other: VultrRequest): boolean {
  return (
    one.path === other.path &&
    // The kind decides the place in a queue: somebody who waits must not be put behind a watch.
    one.kind === other.kind &&
    one.query === other.query &&
    (one.accept ?? '') === (other.accept ?? '') &&
    credentialOf(one) === credentialOf(other) &&
    callerNameOf(one) === callerNameOf(other)
  );
}

/** What is public is the same for all. Else each caller has its own: one must not end what another waits for. */
function callerNameOf({ isPublic, caller }: VultrRequest): string {
  return isPublic ? '' : (caller?.name ?? '');
}

/** A GET that acts, which a few of Vultr's do, is not a read. */
function isRead({ method, kind, repeatable, body }: VultrRequest): boolean {
  return method === 'GET' && kind !== 'change' && repeatable && body === undefined;
}

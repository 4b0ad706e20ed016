import { hash } from 'node:crypto';
import { abortError } from '../status/abort.ts';
import type { Clock } from '../base/clock.ts';
import { Flight } from './shared-call.ts';
import { resolvePositive } from '../base/limits.ts';
import type { SendContext, Stage, VultrRequest, VultrResponse } from './request.ts';

/** What bounds the sharing. */
export interface SharingLimits {
  /** Requests that can be shared at the same time; further ones are sent for their caller alone. Default 1000. */
  readonly maxFlights: number;
  /** How long after its start a request takes further callers, so that none lives on by them. Default 30 000. */
  readonly joinableMs: number;
}

const DEFAULT_LIMITS: SharingLimits = { maxFlights: 1_000, joinableMs: 30_000 };

/** What the stage is made of. */
export interface SharingOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly limits?: Partial<SharingLimits>;
}

interface OpenFlight {
  readonly flight: Flight;
  readonly credential: string;
  readonly startedAt: number;
}

/**
 * Lets identical reads that run at the same time share one request to Vultr: the same method, path, query, kind and
 * credential. Each caller keeps its own signal and is answered at once when it aborts; the request itself ends when its
 * last caller has left. A caller reads what it wrote: once a change is through, nobody with its credential joins a read
 * that was already under way.
 *
 * It stands below enforceDeadline, which turns every caller's deadline into an abort, and above the stages that repeat,
 * queue and send. The bodies of the answers are shared, too, and must not be changed.
 * @throws TypeError when a limit is not usable
 */
export function shareReads({ clock, limits: given = {} }: SharingOptions): Stage {
  const limits = resolvePositive('sharing', DEFAULT_LIMITS, given);
  return (next) => {
    const open = new Map<string, OpenFlight>();

    /** The flight to join, a new one when there is none; undefined when there are too many. */
    function find(request: VultrRequest): Flight | undefined {
      const credential = credentialKey(request);
      // The kind decides the place in a queue: somebody who waits must not be put behind a watch.
      const key = [credential, request.kind, request.path, request.query, request.accept ?? ''].join(' ');
      const running = open.get(key);
      if (running !== undefined && isJoinable(running)) return running.flight;
      if (running === undefined && open.size >= limits.maxFlights) return undefined;
      const flight: Flight = new Flight(next, request, () => {
        if (open.get(key)?.flight === flight) open.delete(key);
      });
      open.set(key, { flight, credential, startedAt: clock.now() });
      return flight;
    }

    function isJoinable({ startedAt }: OpenFlight): boolean {
      const ageMs = clock.now() - startedAt;
      return ageMs >= 0 && ageMs < limits.joinableMs;
    }

    async function change(request: VultrRequest, context: SendContext): Promise<VultrResponse> {
      try {
        return await next(request, context);
      } finally {
        const credential = credentialKey(request);
        for (const [key, one] of open) if (one.credential === credential) open.delete(key);
      }
    }

    return async (request, context) => {
      if (context.signal.aborted) throw abortError(context.signal);
      if (!isRead(request)) return change(request, context);
      const flight = find(request);
      return flight === undefined ? next(request, context) : flight.join(context);
    };
  };
}

/** A GET is no read when it acts, which a few of Vultr's do. */
function isRead({ method, kind, repeatable, body }: VultrRequest): boolean {
  return method === 'GET' && kind !== 'change' && repeatable && body === undefined;
}

/** Names a credential without holding it. A public request is sent without, so all of them are alike. */
function credentialKey({ isPublic, credential }: VultrRequest): string {
  return isPublic || credential === undefined ? '' : hash('sha256', credential);
}

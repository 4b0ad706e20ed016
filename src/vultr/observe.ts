import type { CacheStatus } from '../rpc/call.ts';
import type { SourceKind } from './budget/permit.ts';
import type { Refusal } from './budget/refusal.ts';
import type { CircuitKind, Side } from './circuit.ts';
import type { VultrRequest } from './request.ts';

/** Something that a metric counts or the log reports. */
export type VultrEvent =
  /** A request got its permit: whose it is, by name and by callerKey, and how long it waited. */
  | {
      readonly kind: 'permit';
      readonly request: VultrRequest['kind'];
      readonly caller: string;
      readonly key: string;
      readonly waitedMs: number;
    }
  /** A request got none. */
  | {
      readonly kind: 'refused';
      readonly request: VultrRequest['kind'];
      readonly caller: string;
      readonly why: Refusal;
    }
  /** Vultr answered 429; the rate goes on with this factor, 1 being all of it. */
  | { readonly kind: 'slowed'; readonly rateFactor: number }
  /** The budget has another source; `error` says why it left Redis. */
  | { readonly kind: 'source'; readonly state: SourceKind; readonly error?: string }
  /** A request is sent again, for the `attempt`th time, after `delayMs`. */
  | {
      readonly kind: 'retry';
      readonly attempt: number;
      readonly delayMs: number;
      readonly throttled: boolean;
    }
  /** A request would have been sent again, but the retry budget is spent. */
  | { readonly kind: 'retry_refused' }
  /** The breaker of one side changed its state. */
  | { readonly kind: 'breaker'; readonly side: Side; readonly state: CircuitKind }
  /** A request was refused because the breaker of its side is open. */
  | { readonly kind: 'breaker_refused'; readonly side: Side }
  /** A read takes the response of an identical one that is in progress. */
  | { readonly kind: 'shared' }
  /** What the cache had for a read of the public catalogue. */
  | { readonly kind: 'cache'; readonly state: CacheStatus['state']; readonly ageMs: number };

/** How events name the caller of a request; empty: callers are not known by name. */
export function callerLabel({ caller }: Pick<VultrRequest, 'caller'>): string {
  return caller?.label ?? caller?.name ?? '';
}

/**
 * Called with every event, synchronously, and all but `refused`, `slowed`, `source` and `breaker` in the context of the request
 * that they are about. It must be quick and must not throw.
 */
export type VultrObserver = (event: VultrEvent) => void;

import type { SourceKind } from './budget/permit.ts';
import type { Refusal } from './budget/refusal.ts';
import type { CircuitKind, Side } from './circuit.ts';
import type { VultrRequest } from './request.ts';

/** Something that a metric counts or the log reports. */
export type VultrEvent =
  /** A request got its permit: whose it is (see callerKey), and how long it waited. */
  | {
      readonly kind: 'permit';
      readonly request: VultrRequest['kind'];
      readonly caller: string;
      readonly waitedMs: number;
    }
  /** A request got none. */
  | { readonly kind: 'refused'; readonly request: VultrRequest['kind']; readonly why: Refusal }
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
  | { readonly kind: 'breaker'; readonly side: Side; readonly state: CircuitKind };

/** Called with every event, synchronously. It must be quick and must not throw. */
export type VultrObserver = (event: VultrEvent) => void;

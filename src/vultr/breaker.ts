import type { Clock } from '../base/clock.ts';
import { resolvePositive } from '../base/limits.ts';
import { spreadRetry } from '../base/spread.ts';
import { CallError } from '../status/call-error.ts';
import { Circuit, type CircuitKind, type CircuitPolicy, DEFAULT_CIRCUIT, type Side } from './circuit.ts';
import type { VultrObserver } from './observe.ts';
import type { Stage, VultrRequest } from './request.ts';
import { isThrottled, isTransient } from './transient.ts';

/** When the breaker trips. */
export interface BreakerPolicy extends CircuitPolicy {
  /** A request that ran into its deadline counts as a failure when Vultr had this long to respond. Default 5000. */
  readonly slowMs: number;
}

/** The options of a breaker. */
export interface BreakerOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly policy: Partial<BreakerPolicy>;
  readonly observe: VultrObserver;
  /** Called when a side opens, with the time for which it does, so that waiting requests can be refused. */
  readonly onOpen: (side: Side, openMs: number) => void;
}

/**
 * Fails fast while Vultr does not respond. It stands in two places: it decides what to admit before a request waits for its
 * permit, and it learns where a request is really sent, so that a wait or a refusal on the way is not taken for a failure of
 * Vultr.
 */
export interface Breaker {
  /** Above the budget: refuses requests while their side is open, and lets one at a time probe. */
  readonly guard: Stage;
  /** Below the budget: sees how requests fare. */
  readonly watch: Stage;
  stateOf(side: Side): CircuitKind;
}

const DEFAULT_POLICY: BreakerPolicy = { ...DEFAULT_CIRCUIT, slowMs: 5_000 };

/** Which side a request is on. */
export function sideOf(kind: VultrRequest['kind']): Side {
  return kind === 'change' ? 'changes' : 'reads';
}

/**
 * Creates a breaker with a circuit for each side.
 *
 * The README of this folder says why no library does this.
 * @throws TypeError when the policy is not usable
 */
export function createBreaker(options: BreakerOptions): Breaker {
  const { clock, random, policy: given, observe, onOpen } = options;
  const policy = resolvePositive('breaker', DEFAULT_POLICY, given);
  const circuits: Readonly<Record<Side, Circuit>> = {
    changes: createCircuit('changes'),
    reads: createCircuit('reads'),
  };

  function createCircuit(side: Side): Circuit {
    return new Circuit(policy, (state) => {
      observe({ kind: 'breaker', side, state: state.kind });
      if (state.kind === 'open') onOpen(side, state.openMs);
    });
  }

  const guard: Stage = (next) => (request, context) => {
    const side = sideOf(request.kind);
    const admission = circuits[side].admit(clock.now());
    if (admission.kind === 'refused') {
      observe({ kind: 'breaker_refused', side });
      return Promise.reject(breakerOpen(side, spreadRetry(admission.retryMs, random)));
    }
    const response = next(request, context);
    return admission.kind === 'passed' ? response : response.finally(() => circuits[side].endProbe());
  };

  const watch: Stage = (next) => async (request, context) => {
    const circuit = circuits[sideOf(request.kind)];
    const { generation } = circuit;
    const sentAt = clock.now();
    try {
      const response = await next(request, context);
      circuit.succeed(generation);
      return response;
    } catch (thrown) {
      const error = CallError.from(thrown);
      const nowMs = clock.now();
      const verdict = judge(error, nowMs - sentAt);
      if (verdict === 'failed') circuit.fail(generation, nowMs);
      if (verdict === 'alive') circuit.succeed(generation);
      throw error;
    }
  };

  /** What an error says about Vultr: any response is a sign of life, even a refusal; a 429 comes from the edge alone. */
  function judge(error: CallError, tookMs: number): 'alive' | 'failed' | 'unknown' {
    if (isTransient(error)) return 'failed';
    if (error.code === 'DEADLINE_EXCEEDED') return tookMs >= policy.slowMs ? 'failed' : 'unknown';
    return error.vultr === undefined || isThrottled(error) ? 'unknown' : 'alive';
  }

  return { guard, watch, stateOf: (side) => circuits[side].kind };
}

/**
 * UNAVAILABLE, BREAKER_OPEN, and certain that nothing was sent.
 * @param retryMs when to ask again
 */
export function breakerOpen(side: Side, retryMs: number): CallError {
  const retryDelayMs = Math.max(1, Math.ceil(retryMs));
  return new CallError(
    'UNAVAILABLE',
    'BREAKER_OPEN',
    `Vultr does not respond, so ${side} are not sent to it for now. Nothing was sent. Ask again in ${retryDelayMs} ms.`,
    { retryDelayMs, reached: 'no', metadata: { breaker: side } },
  );
}

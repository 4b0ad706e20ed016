import { CallError } from '../status/call-error.ts';
import { Circuit, type CircuitKind, type CircuitPolicy, DEFAULT_CIRCUIT, type Side } from './circuit.ts';
import type { Clock } from '../base/clock.ts';
import type { VultrObserver } from './observe.ts';
import { resolvePositive } from '../base/limits.ts';
import type { Stage, VultrRequest } from './request.ts';
import { isThrottled, isTransient } from './transient.ts';

/** When the breaker trips. */
export interface BreakerPolicy extends CircuitPolicy {
  /** A request that is given up for its deadline counts as a failure when Vultr had so long to answer. Default 5000. */
  readonly slowMs: number;
}

/** What a breaker is made of. */
export interface BreakerOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly policy: Partial<BreakerPolicy>;
  readonly observe: VultrObserver;
  /** Told when a side opens, and for how long: whoever still waits to be sent need not wait. */
  readonly onOpen: (side: Side, openMs: number) => void;
}

/**
 * Fails fast while Vultr does not answer. It stands in two places: what it admits, it decides before a request waits for
 * its turn; what it learns, it learns where a request is really sent, so that a wait or a refusal on the way is not taken
 * for a failure of Vultr.
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
 * Own code: cockatiel and opossum run on the clock of the process, and take an aborted call, or one that was refused on
 * its way, for a verdict about the upstream.
 * @throws TypeError when the policy is not usable
 */
export function createBreaker({ clock, policy: given, observe, onOpen }: BreakerOptions): Breaker {
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

  const guard: Stage = (next) => async (request, context) => {
    const side = sideOf(request.kind);
    const admission = circuits[side].admit(clock.now());
    if (admission.kind === 'refused') throw breakerOpen(side, admission.retryMs);
    if (admission.kind === 'passed') return next(request, context);
    try {
      return await next(request, context);
    } finally {
      circuits[side].endProbe();
    }
  };

  const watch: Stage = (next) => async (request, context) => {
    const circuit = circuits[sideOf(request.kind)];
    const { generation } = circuit;
    const sentAt = clock.now();
    try {
      const answer = await next(request, context);
      circuit.succeed(generation);
      return answer;
    } catch (thrown) {
      const error = CallError.from(thrown);
      const nowMs = clock.now();
      const verdict = judge(error, nowMs - sentAt);
      if (verdict === 'failed') circuit.fail(generation, nowMs);
      if (verdict === 'answered') circuit.succeed(generation);
      throw error;
    }
  };

  /** What an error says about Vultr: any answer will do, also one that refuses; a 429 is the edge's alone. */
  function judge(error: CallError, tookMs: number): 'answered' | 'failed' | 'unknown' {
    if (isTransient(error)) return 'failed';
    if (error.code === 'DEADLINE_EXCEEDED') return tookMs >= policy.slowMs ? 'failed' : 'unknown';
    return error.vultr === undefined || isThrottled(error) ? 'unknown' : 'answered';
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
    `Vultr does not answer, and ${side} are not sent to it for now. Nothing was sent. Ask again in ${retryDelayMs} ms.`,
    { retryDelayMs, reached: 'no', metadata: { breaker: side } },
  );
}

/** When a circuit opens and how it finds the recovery. */
export interface CircuitPolicy {
  /** Failures in a row that open it. Default 10. */
  readonly failures: number;
  /** How long it stays open the first time; it doubles with each probe that fails. Default 1000. */
  readonly openMs: number;
  /** The longest that it stays open. Default 5000. */
  readonly maxOpenMs: number;
}

/** The defaults. */
export const DEFAULT_CIRCUIT: CircuitPolicy = { failures: 10, openMs: 1_000, maxOpenMs: 5_000 };

/** What has a circuit of its own: changes and reads trip apart, polls count as reads. */
export type Side = 'changes' | 'reads';

/** The name of a circuit's state. */
export type CircuitKind = CircuitState['kind'];

/**
 * What a circuit is doing, and how it goes on:
 *
 *   closed ──(so many failures in a row)──► open ──(its time is over, a request comes)──► half_open
 *   half_open ──(the probe succeeds)──► closed
 *   half_open ──(the probe fails)──► open, for twice as long
 *   half_open ──(the probe ends without a verdict)──► half_open, the next request is the probe
 */
export type CircuitState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly kind: 'half_open'; readonly openMs: number; readonly isProbing: boolean };

/** The decision about a request: it may go, it may go as the probe, or it may not go for another `retryMs`. */
export type Admission =
  | { readonly kind: 'passed' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'refused'; readonly retryMs: number };

/** One circuit of a breaker. Times are milliseconds since the epoch and passed in. */
export class Circuit {
  readonly #policy: CircuitPolicy;
  readonly #onChange: (state: CircuitState) => void;
  #state: CircuitState = { kind: 'closed', failures: 0 };
  #generation = 0;

  /** @param onChange called with every new state, once it has been entered */
  constructor(policy: CircuitPolicy, onChange: (state: CircuitState) => void) {
    this.#policy = policy;
    this.#onChange = onChange;
  }

  get kind(): CircuitKind {
    return this.#state.kind;
  }

  /** Counts the changes of state: a verdict counts only while it is the same as when its request was sent. */
  get generation(): number {
    return this.#generation;
  }

  /** Asks whether a request may go. After a `probe`, endProbe has to be called once. */
  admit(nowMs: number): Admission {
    const state = this.#state;
    if (state.kind === 'closed') return { kind: 'passed' };
    if (state.kind === 'open') {
      if (nowMs < state.untilMs) return { kind: 'refused', retryMs: state.untilMs - nowMs };
      this.#enter({ kind: 'half_open', openMs: state.openMs, isProbing: true });
      return { kind: 'probe' };
    }
    if (state.isProbing) return { kind: 'refused', retryMs: this.#policy.openMs };
    this.#state = { ...state, isProbing: true };
    return { kind: 'probe' };
  }

  /** Lets the next request be the probe, if this one has not brought a verdict. */
  endProbe(): void {
    if (this.#state.kind === 'half_open') this.#state = { ...this.#state, isProbing: false };
  }

  /** Vultr responded to a request of that generation. */
  succeed(generation: number): void {
    if (generation !== this.#generation || this.#state.kind === 'open') return;
    if (this.#state.kind === 'half_open') this.#enter({ kind: 'closed', failures: 0 });
    else if (this.#state.failures > 0) this.#state = { kind: 'closed', failures: 0 };
  }

  /** A request of that generation got no response, or one that says that Vultr cannot for now. */
  fail(generation: number, nowMs: number): void {
    const state = this.#state;
    if (generation !== this.#generation || state.kind === 'open') return;
    if (state.kind === 'half_open') {
      this.#open(Math.min(this.#policy.maxOpenMs, state.openMs * 2), nowMs);
    } else if (state.failures + 1 >= this.#policy.failures) {
      this.#open(this.#policy.openMs, nowMs);
    } else {
      this.#state = { kind: 'closed', failures: state.failures + 1 };
    }
  }

  #open(openMs: number, nowMs: number): void {
    this.#enter({ kind: 'open', untilMs: nowMs + openMs, openMs });
  }

  #enter(state: CircuitState): void {
    this.#state = state;
    this.#generation += 1;
    this.#onChange(state);
  }
}

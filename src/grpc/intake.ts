import { systemClock } from '../base/clock.ts';
import { LazyTimer } from '../base/lazy-timer.ts';
import { MAX_TIMER_MS } from '../base/timer.ts';
import { ByteBound } from './byte-bound.ts';
import { requestTimeout, requestTooLate, tooManyRequestBytes } from './errors.ts';
import type { GrpcLimits } from './limits.ts';
import type { OpenCall } from './open-call.ts';

/** What a call counts for by itself, before it has sent anything. */
const CALL_BYTES = 4 * 1024;

/** Watches requests arrive: how many bytes they hold, and for how long. */
export interface Intake {
  /** Begins to watch a call. */
  begin(call: OpenCall): Arriving;
  /** Refuses the oldest request of the connection that holds most. False: every request has arrived. */
  makeRoom(): boolean;
}

/** Makes the intake. */
export function createIntake(limits: GrpcLimits): Intake {
  const bound = new ByteBound<OpenCall>(
    { perConnection: limits.maxRequestBytesPerConnection, total: limits.maxRequestBytes },
    (call) => call.refuse(tooManyRequestBytes()),
  );
  return { begin: (call) => new Arriving(call, bound, limits), makeRoom: () => bound.evict() };
}

/** The request of one call, whose watch reports what arrives of it. */
export class Arriving {
  readonly #call: OpenCall;
  readonly #bound: ByteBound<OpenCall>;
  readonly #limits: GrpcLimits;
  #bytes = CALL_BYTES;
  #timer: LazyTimer | undefined;

  constructor(call: OpenCall, bound: ByteBound<OpenCall>, limits: GrpcLimits) {
    this.#call = call;
    this.#bound = bound;
    this.#limits = limits;
    this.#startTimer();
    bound.set(call, this.#bytes);
  }

  /** So many bytes have arrived. */
  chunk(bytes: number): void {
    if (this.#call.isRequestStream) this.#startTimer();
    this.#bytes += bytes;
    this.#bound.set(this.#call, this.#bytes);
  }

  /** A whole message has arrived, of this many bytes when it is not compressed. */
  message(bytes: number): void {
    const { isRequestStream, stream } = this.#call;
    if (isRequestStream) this.#stopTimer();
    // The messages of a stream go one after the other; a single one may have grown by being inflated.
    this.#bytes = CALL_BYTES + (isRequestStream ? bytes : Math.max(this.#bytes - CALL_BYTES, bytes));
    if (!stream.closed) this.#bound.set(this.#call, this.#bytes);
  }

  /** Everything has arrived. */
  ended(): void {
    this.#stopTimer();
  }

  /** The request is given to its handler: it is no longer refused, whatever happens. */
  handedOver(): void {
    this.#bound.pin(this.#call);
  }

  /** The stream has ended. */
  closed(): void {
    this.#stopTimer();
    this.#bound.release(this.#call);
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return;
    const call = this.#call;
    const limits = this.#limits;
    this.#timer = new LazyTimer(patienceMs(call, limits), () => call.refuse(lateness(call, limits)));
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** How long to wait for a request: until the caller's own deadline if that is sooner. */
function patienceMs(
  { deadline = Number.POSITIVE_INFINITY }: OpenCall,
  { requestTimeoutMs }: GrpcLimits,
): number {
  return Math.min(requestTimeoutMs, Math.max(0, deadline - systemClock.now()), MAX_TIMER_MS);
}

function lateness({ deadline = Number.POSITIVE_INFINITY }: OpenCall, limits: GrpcLimits) {
  return systemClock.now() >= deadline ? requestTooLate() : requestTimeout(limits);
}

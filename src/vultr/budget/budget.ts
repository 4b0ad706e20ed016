import { CallError } from '../../status/call-error.ts';
import { abortError } from '../../status/abort.ts';
import type { Clock } from '../../base/clock.ts';
import type { VultrObserver } from '../observe.ts';
import type { SendContext, VultrRequest } from '../request.ts';
import { credentialKey } from './credential-key.ts';
import type { BudgetLimits } from './options.ts';
import { Pace } from './pace.ts';
import { type Refusal, refusal } from './refusal.ts';
import type { Slot, SlotSource, SourceState } from './slot.ts';
import { type Place, TurnQueue } from './permit-queue.ts';

/** What is kept of the time that a request has left, so that its answer can still come after its turn. */
const ANSWER_TIME = { part: 0.25, mostMs: 1_000 } as const;

/** What the budget is doing. */
export interface BudgetState extends SourceState {
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Requests that had their turn and are not over yet. */
  readonly inFlight: number;
}

/** What a budget is made of. */
export interface BudgetParts {
  readonly source: SlotSource;
  readonly clock: Clock;
  readonly limits: Pick<BudgetLimits, 'maxWaiting' | 'maxWaitingPerCredential' | 'maxWaitingBytes'>;
  /**
   * How many requests may be on their way at the same time: as many as there are connections. With more of them some would
   * have their turn and then wait for a connection, and go out in one heap.
   */
  readonly maxInFlight: number;
  readonly observe: VultrObserver;
}

interface Waiter extends Place {
  readonly since: number;
  readonly latestTurnMs: number;
  readonly grant: () => void;
  readonly refuse: (error: CallError) => void;
}

/** Gives requests their turns: as many as the source has slots for, in the order of the queue. */
export class Budget {
  readonly #parts: BudgetParts;
  readonly #queue = new TurnQueue<Waiter>();
  readonly #pace: Pace;
  readonly #closing = new AbortController();
  #isPumping = false;
  #slot: Slot | undefined;
  #inFlight = 0;
  #onFree: (() => void) | undefined;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
    this.#pace = new Pace(() => parts.source.state().intervalMs);
  }

  /**
   * Waits for the turn of a request and returns when it was; after it, `endTurn` has to be called once.
   * @throws CallError RESOURCE_EXHAUSTED, at once, when the turn would come too late or too many wait already; later, when
   *   others with an earlier turn have come in between; and, at once, the reason why the signal aborted
   */
  async takeTurn(request: VultrRequest, context: SendContext): Promise<number> {
    const { signal } = context;
    if (signal.aborted) throw abortError(signal);
    const turn = Promise.withResolvers<void>();
    const since = this.#parts.clock.now();
    const leftMs = context.deadline - since;
    const waiter: Waiter = {
      kind: request.kind,
      credential: credentialKey(request),
      bytes: request.body?.length ?? 0,
      again: context.throttled ?? false,
      since,
      latestTurnMs: context.deadline - Math.min(ANSWER_TIME.mostMs, leftMs * ANSWER_TIME.part),
      grant: turn.resolve,
      refuse: turn.reject,
    };
    this.#admit(waiter);
    const onAbort = (): void => {
      if (this.#queue.remove(waiter)) turn.reject(abortError(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
      return this.#parts.clock.now();
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Says that a request which had its turn at `turnMs` is over, and whether Vultr answered it. */
  endTurn(turnMs: number, wasAnswered: boolean): void {
    const nowMs = this.#parts.clock.now();
    const heldMs = wasAnswered ? this.#pace.noteAnswer(nowMs, nowMs - turnMs) : 0;
    if (heldMs > 0) void this.#parts.source.hold(heldMs);
    this.#inFlight -= 1;
    this.#onFree?.();
  }

  /** Says that Vultr answered 429: halves the rate for a while. */
  async slowDown(): Promise<void> {
    await this.#parts.source.slowDown();
    this.#parts.observe({ kind: 'slowed', rateFactor: this.#parts.source.state().rateFactor });
  }

  /** Refuses those who wait, of the kinds that match. */
  refuseWaiting(matches: (kind: VultrRequest['kind']) => boolean, toError: () => CallError): void {
    for (const waiter of [...this.#queue.order()]) {
      if (matches(waiter.kind) && this.#queue.remove(waiter)) waiter.refuse(toError());
    }
  }

  state(): BudgetState {
    const { size, bytes } = this.#queue;
    return { ...this.#parts.source.state(), waiting: size, waitingBytes: bytes, inFlight: this.#inFlight };
  }

  /** Refuses all who wait and lets go of the source. */
  async close(): Promise<void> {
    const text = 'The service is going down. Nothing was sent.';
    this.refuseWaiting(
      () => true,
      () => new CallError('UNAVAILABLE', 'SHUTTING_DOWN', text, { retryDelayMs: 1_000, reached: 'no' }),
    );
    this.#closing.abort();
    await this.#parts.source.close();
  }

  #admit(waiter: Waiter): void {
    const { maxWaiting, maxWaitingPerCredential, maxWaitingBytes } = this.#parts.limits;
    if (this.#queue.countOf(waiter.credential) >= maxWaitingPerCredential)
      throw this.#toRefusal(waiter, 'credential_full', this.#queue.size);
    if (this.#queue.bytes + waiter.bytes > maxWaitingBytes)
      throw this.#toRefusal(waiter, 'bytes_full', this.#queue.size);
    this.#queue.add(waiter);
    const displaced = this.#queue.size > maxWaiting ? this.#queue.last() : undefined;
    if (displaced !== undefined) {
      this.#queue.remove(displaced);
      const error = this.#toRefusal(displaced, 'queue_full', this.#queue.size);
      if (displaced === waiter) throw error;
      displaced.refuse(error);
    }
    const turnsBefore = this.#turnsBefore(waiter);
    if (this.#turnAt(turnsBefore) > waiter.latestTurnMs) {
      this.#queue.remove(waiter);
      throw this.#toRefusal(waiter, 'too_late', turnsBefore);
    }
    void this.#pump();
  }

  #turnsBefore(waiter: Waiter): number {
    let turns = 0;
    for (const one of this.#queue.order()) {
      if (one === waiter) break;
      turns += 1;
    }
    return turns;
  }

  /** When the turn comes that has so many before it, as far as can be told. */
  #turnAt(turnsBefore: number): number {
    const nextMs = this.#slot?.atMs ?? this.#pace.nextTurnMs;
    return Math.max(this.#parts.clock.now(), nextMs) + turnsBefore * this.#pace.intervalMs;
  }

  /** The wait that a refused caller is told: after it, the same call would have been let wait. */
  #toRefusal(waiter: Waiter, why: Refusal, turnsBefore: number): CallError {
    this.#parts.observe({ kind: 'refused', request: waiter.kind, why });
    const turnInMs = this.#turnAt(turnsBefore) - this.#parts.clock.now();
    const waitMs = why === 'too_late' ? Math.max(0, waiter.latestTurnMs - waiter.since) : 0;
    return refusal(why, Math.max(this.#pace.intervalMs, turnInMs - waitMs));
  }

  /** Runs while somebody waits. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pace.restart();
    try {
      while (this.#queue.size > 0 && !this.#closing.signal.aborted) await this.#giveTurn();
    } finally {
      this.#isPumping = false;
    }
  }

  async #giveTurn(): Promise<void> {
    const { clock, source, maxInFlight } = this.#parts;
    if (this.#inFlight >= maxInFlight) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onFree = resolve;
      await promise;
      this.#onFree = undefined;
      return;
    }
    this.#slot ??= await source.reserve();
    await this.#sleepUntil(this.#slot.atMs);
    this.#refuseTooLate();
    // With nobody left the slot is kept: whoever comes while it is good may have it.
    if (this.#queue.size === 0) return;
    const isGood = this.#slot.use(clock.now());
    this.#slot = undefined;
    const waiter = isGood ? this.#queue.shift() : undefined;
    if (waiter === undefined) return;
    this.#noteTurn(waiter);
    waiter.grant();
  }

  /** Resolves early when the budget is closed. */
  async #sleepUntil(atMs: number): Promise<void> {
    const { clock } = this.#parts;
    for (let leftMs = atMs - clock.now(); leftMs > 0; leftMs = atMs - clock.now()) {
      try {
        await clock.sleep(Math.ceil(leftMs), this.#closing.signal);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        throw error;
      }
    }
  }

  /** Refuses those who cannot get their turn in time any more, because others came before them or the rate fell. */
  #refuseTooLate(): void {
    const nowMs = this.#parts.clock.now();
    const paceMs = this.#pace.intervalMs;
    let turns = 0;
    for (const waiter of [...this.#queue.order()]) {
      if (nowMs + turns * paceMs <= waiter.latestTurnMs) {
        turns += 1;
      } else {
        this.#queue.remove(waiter);
        waiter.refuse(this.#toRefusal(waiter, 'too_late', turns));
      }
    }
  }

  #noteTurn(waiter: Waiter): void {
    const nowMs = this.#parts.clock.now();
    this.#pace.noteTurn(nowMs);
    this.#inFlight += 1;
    this.#parts.observe({ kind: 'turn', request: waiter.kind, waitedMs: nowMs - waiter.since });
  }
}

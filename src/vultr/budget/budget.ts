import type { Clock } from '../../base/clock.ts';
import type { MaybeSoon } from '../../base/soon.ts';
import { spreadRetry } from '../../base/spread.ts';
import { pause } from '../../base/wait.ts';
import { abortError, untilAborted } from '../../status/abort.ts';
import { CallError } from '../../status/call-error.ts';
import { outsideSpans } from '../../telemetry/trace.ts';
import type { VultrObserver } from '../observe.ts';
import type { SendContext, VultrRequest } from '../request.ts';
import type { BudgetLimits } from './options.ts';
import { Pace } from './pace.ts';
import type { Permit, PermitSource, SourceState } from './permit.ts';
import { PermitQueue } from './permit-queue.ts';
import { type Refusal, refusal } from './refusal.ts';
import { Waiter } from './waiter.ts';

/** When to ask again after the service went down. */
const SHUTDOWN_RETRY_MS = 1_000;

/** What the budget is doing. */
export interface BudgetState extends SourceState {
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Requests that have their permit and are not over yet. */
  readonly inFlight: number;
}

/** The options of a budget. */
export interface BudgetParts {
  readonly source: PermitSource;
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly limits: Pick<BudgetLimits, 'burst' | 'maxWaiting' | 'maxWaitingPerCaller' | 'maxWaitingBytes'>;
  /**
   * How many requests may be under way at the same time: as many as there are connections. With more of them some would
   * have their permit and then wait for a connection, and go out in one burst.
   */
  readonly maxInFlight: number;
  readonly observe: VultrObserver;
}

/**
 * Grants requests their permits: as many as the source has, in the order of the queue. A request may wait when its permit can
 * be expected in time, given those before it; after that it is refused only when even the full rate of the source could no
 * longer serve it in time.
 */
export class Budget {
  readonly #parts: BudgetParts;
  readonly #queue = new PermitQueue<Waiter>();
  readonly #pace: Pace;
  readonly #closing = new AbortController();
  #isPumping = false;
  /** Every request that waits is in time with a permit that comes by then. */
  #earliestMs = Number.POSITIVE_INFINITY;
  #reserved: Permit | undefined;
  #inFlight = 0;
  #onFree: (() => void) | undefined;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.source, parts.limits.burst);
  }

  /**
   * Returns when the permit of a request was granted: now, or, as a promise, once its turn has come. `release` has to be called
   * once after it.
   * @throws CallError, now or as a rejection: RESOURCE_EXHAUSTED, at once, when the permit would come too late or too many wait
   *   already; later, when others with an earlier place have come in between; and, at once, the reason why the signal aborted
   */
  acquire(request: VultrRequest, context: SendContext): MaybeSoon<number> {
    const { signal } = context;
    if (signal.aborted) throw abortError(signal);
    const waiter = new Waiter(request, context, this.#parts.clock.now());
    this.#admit(waiter);
    const turn = waiter.turn();
    if (turn === undefined) return this.#noteGranted(waiter);
    // One that is granted at the same moment wins the race, and is released like any other.
    return untilAborted(turn, signal, () => this.#queue.remove(waiter)).then(() => this.#noteGranted(waiter));
  }

  #noteGranted({ kind, label, caller: key, since }: Waiter): number {
    const { clock, observe } = this.#parts;
    const grantedMs = clock.now();
    observe({ kind: 'permit', request: kind, caller: label, key, waitedMs: grantedMs - since });
    return grantedMs;
  }

  /** Reports that a request which was granted its permit at `grantedMs` is over, and whether Vultr responded to it. */
  release(grantedMs: number, hasResponse: boolean): void {
    const nowMs = this.#parts.clock.now();
    const heldMs = hasResponse ? this.#pace.noteResponse(nowMs, nowMs - grantedMs) : 0;
    if (heldMs > 0) void this.#parts.source.hold(heldMs);
    this.#inFlight -= 1;
    this.#onFree?.();
  }

  /** Reports that Vultr answered 429, which halves the rate for a while. */
  async slowDown(): Promise<void> {
    await this.#parts.source.slowDown();
    this.#parts.observe({ kind: 'slowed', rateFactor: this.#parts.source.state().rateFactor });
  }

  /** Refuses the waiting requests of the kinds that match. */
  refuseWaiting(matches: (kind: VultrRequest['kind']) => boolean, toError: () => CallError): void {
    for (const waiter of [...this.#queue.order()]) {
      if (matches(waiter.kind) && this.#queue.remove(waiter)) waiter.refuse(toError());
    }
  }

  /** How many requests of each caller wait; see callerKey. */
  waitingByCaller(): ReadonlyMap<string, number> {
    return this.#queue.countByCaller();
  }

  state(): BudgetState {
    const { size, bytes } = this.#queue;
    return { ...this.#parts.source.state(), waiting: size, waitingBytes: bytes, inFlight: this.#inFlight };
  }

  /** Refuses all waiting requests and closes the source. */
  async close(): Promise<void> {
    const text = 'The service is going down. Nothing was sent.';
    this.refuseWaiting(
      () => true,
      () => {
        const retryDelayMs = spreadRetry(SHUTDOWN_RETRY_MS, this.#parts.random);
        return new CallError('UNAVAILABLE', 'SHUTTING_DOWN', text, { retryDelayMs, reached: 'no' });
      },
    );
    this.#closing.abort();
    await this.#parts.source.close();
  }

  #admit(waiter: Waiter): void {
    const { maxWaiting, maxWaitingPerCaller, maxWaitingBytes } = this.#parts.limits;
    if (this.#queue.countOf(waiter.caller) >= maxWaitingPerCaller)
      throw this.#toRefusal(waiter, 'caller_full', this.#queue.size);
    this.#queue.add(waiter);
    // Whoever takes up most of the room makes some, so that nobody else is kept out of the queue.
    while (this.#queue.bytes > maxWaitingBytes)
      this.#displace(this.#queue.lastOfHeaviest(), waiter, 'bytes_full');
    if (this.#queue.size > maxWaiting) this.#displace(this.#queue.last(), waiter, 'queue_full');
    this.#refuseIfLate(waiter);
    this.#earliestMs = Math.min(this.#earliestMs, waiter.latestMs);
    outsideSpans(() => this.#pump());
  }

  /** @throws CallError when the one that has to go is the one that has just come */
  #displace(displaced: Waiter | undefined, waiter: Waiter, why: Refusal): void {
    if (displaced === undefined) return;
    this.#queue.remove(displaced);
    const error = this.#toRefusal(displaced, why, this.#queue.size);
    if (displaced === waiter) throw error;
    displaced.refuse(error);
  }

  /** @throws CallError when its permit would come too late; a request in time at the end of the queue is in time anywhere in it */
  #refuseIfLate(waiter: Waiter): void {
    if (this.#expectedAt(this.#queue.size - 1) <= waiter.latestMs) return;
    const before = this.#countBefore(waiter);
    if (this.#expectedAt(before) <= waiter.latestMs) return;
    this.#queue.remove(waiter);
    throw this.#toRefusal(waiter, 'too_late', before);
  }

  #countBefore(waiter: Waiter): number {
    let count = 0;
    for (const one of this.#queue.order()) {
      if (one === waiter) break;
      count += 1;
    }
    return count;
  }

  /** When a permit with this many before it is due, at the recent pace. */
  #expectedAt(before: number): number {
    const nowMs = this.#parts.clock.now();
    const nextMs = this.#reserved?.atMs ?? this.#pace.nextMs(nowMs);
    return Math.max(nowMs, nextMs) + this.#pace.msFor(before, nowMs);
  }

  /** Tells a refused caller when the same call could be accepted, and tells each one a different time. */
  #toRefusal(waiter: Waiter, why: Refusal, before: number): CallError {
    const { clock, observe, random } = this.#parts;
    observe({ kind: 'refused', request: waiter.kind, caller: waiter.label, why });
    const nowMs = clock.now();
    const dueInMs = this.#expectedAt(before) - nowMs;
    const waitMs = why === 'too_late' ? Math.max(0, waiter.latestMs - waiter.since) : 0;
    const retryMs = Math.max(this.#pace.intervalMs(nowMs), dueInMs - waitMs);
    return refusal(why, spreadRetry(retryMs, random));
  }

  get #hasWork(): boolean {
    return this.#queue.size > 0 && !this.#closing.signal.aborted;
  }

  /** Grants what can be granted now; the rest as soon as it can be. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#pace.restart();
    while (this.#hasWork) {
      const obstacle = this.#grantNext();
      if (obstacle === undefined) continue;
      void this.#pumpLater(obstacle);
      return;
    }
  }

  /** Runs while somebody waits. */
  async #pumpLater(obstacle: Promise<void>): Promise<void> {
    this.#isPumping = true;
    try {
      await obstacle;
      while (this.#hasWork) await this.#grantNext();
    } finally {
      this.#isPumping = false;
    }
  }

  /** @returns undefined: that was done; else what has to come first, after which it can be tried again */
  #grantNext(): Promise<void> | undefined {
    const { clock, source, maxInFlight } = this.#parts;
    if (this.#inFlight >= maxInFlight) return this.#untilFree();
    const permit = this.#reserved ?? source.reserve();
    if (permit instanceof Promise) return this.#keepReserved(permit);
    this.#reserved = permit;
    if (permit.atMs > clock.now()) return this.#sleepUntil(permit.atMs);
    this.#refuseHopeless();
    // When nobody waits any more, the permit is kept for the next request that comes while it is valid.
    if (this.#queue.size === 0) return undefined;
    const isValid = permit.use(clock.now());
    this.#reserved = undefined;
    const waiter = isValid ? this.#queue.shift() : undefined;
    if (waiter === undefined) return undefined;
    this.#pace.notePermit(clock.now());
    this.#inFlight += 1;
    waiter.grant();
    return undefined;
  }

  async #untilFree(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onFree = resolve;
    await promise;
    this.#onFree = undefined;
  }

  async #keepReserved(permit: Promise<Permit>): Promise<void> {
    this.#reserved = await permit;
  }

  /** Returns early when the budget is closed. A timer of Node may fire a little early, so there may be more than one. */
  async #sleepUntil(atMs: number): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#closing;
    for (let leftMs = atMs - clock.now(); leftMs > 0 && !signal.aborted; leftMs = atMs - clock.now()) {
      await pause(clock, Math.ceil(leftMs), signal);
    }
  }

  /**
   * Refuses those whose permit cannot come in time any more, because others came before them or the rate fell. The source's
   * own rate decides, not the recent pace: that may improve, and a request that was accepted is not refused on a guess.
   */
  #refuseHopeless(): void {
    const { clock, source } = this.#parts;
    const nowMs = clock.now();
    if (nowMs + source.msFor(this.#queue.size) <= this.#earliestMs) return;
    this.#earliestMs = Number.POSITIVE_INFINITY;
    let before = 0;
    for (const waiter of [...this.#queue.order()]) {
      if (nowMs + source.msFor(before) <= waiter.latestMs) {
        before += 1;
        this.#earliestMs = Math.min(this.#earliestMs, waiter.latestMs);
      } else {
        this.#queue.remove(waiter);
        waiter.refuse(this.#toRefusal(waiter, 'too_late', before));
      }
    }
  }
}

import { spreadRetry } from '../base/spread.ts';
import type { Operation } from '../contract/operation.ts';
import { CallError } from '../status/call-error.ts';
import { type Load, type LoadGauge, startLoadGauge } from './load-gauge.ts';

/** What a call is when there is too much to do: watches are refused first, then reads, and changes last. */
export type LoadKind = 'watch' | 'read' | 'change';

/** How many calls have been refused, by what they are. */
export type ShedCounts = Readonly<Record<LoadKind, number>>;

/** Refuses calls before the event loop drowns in them. */
export interface Shedder {
  /**
   * Why a call cannot be taken on now; undefined: it can. It is asked for every call, before anything of it is read, and costs
   * next to nothing. The errors are a few objects that are used again and again.
   * @param waitedMs how long it has waited to be asked about. While calls are refused, one that has waited for long is, too, so
   *   that those that are taken on are soon done, instead of all being late. Default: not at all
   */
  objection(kind: LoadKind | undefined, waitedMs?: number): CallError | undefined;
  /** Counts a call that is not a watch as in progress. The returned function ends that, however often it is called. */
  begin(): () => void;
}

/** When calls are refused. */
export interface ShedderOptions {
  /** The delay of the event loop above which they are. */
  readonly delayMs: number;
  /** So many calls in progress are never too many. */
  readonly leastCalls: number;
  /** Told of each call that is refused. */
  readonly onShed: (kind: LoadKind) => void;
  /** Told that calls are refused from now on. */
  readonly onBegin: () => void;
  /** Told that none is refused any more, and how many were. */
  readonly onEnd: (counts: ShedCounts) => void;
  /** Measures the delay of the event loop. Default: a timer. */
  readonly startGauge?: (take: (load: Load) => void) => LoadGauge;
}

/** Sheds nothing. */
export const NO_SHEDDER: Shedder = { objection: () => undefined, begin: () => () => undefined };

/** How many measurements in a row have to be above the bound: a pause of the garbage collector is one or two. */
const LONG_IN_A_ROW = 3;

/** The loop is saturated when it has worked for so much of the time, for so long, over so many measurements. */
const BUSY_PART = 0.95;
const BUSY_MS = 100;
const BUSY_IN_A_ROW = 2;

/** How much of what a call costs is still known at the next measurement: half of it after 0.7 s. */
const MEMORY = 0.98;

/**
 * Calls in progress may always rise to so many, and by so much with each measurement while the loop copes, to twice as many within
 * 0.1 s. What comes faster is taken as long as the loop can do it within so many times the bound.
 */
const LEAST_BURST = 64;
const BURST_GROWTH = 1.15;
const BURST_DECAY = 0.99;
const BURST_BOUNDS = 4;

/**
 * A service that has just started refuses nothing until it has done so many calls or has worked for so long: the first calls cost a
 * hundred times what later ones do, because nothing is compiled yet. When more than this are in progress, they are too many for
 * any service that does not know yet what they cost.
 */
const COLD_CALLS = 2_000;
const COLD_WORK_MS = 3_000;
const COLD_MOST = 128;

/** How many have to be within it, half a second of them, before watches are taken again. */
const CALM_IN_A_ROW = 25;

/** A cut leaves between this and that much of the calls in progress; the worse the delay, the less. */
const HARDEST_CUT = 0.3;
const MILDEST_CUT = 0.8;

/**
 * How the limit changes with each measurement. While it is in use, it is to keep the loop at work for this part of the time: a loop
 * that is always at work is one behind which everything queues. What it lets in shows late, so that it changes slowly then.
 */
const WORK_PART = { low: 0.7, high: 0.8 } as const;
const CHANGE = { down: 0.97, hold: 1, up: 1.05, free: 1.2 } as const;
/** Over how long that part is taken. */
const WORK_MS = 200;

/** So many measurements without a refusal, a second of them, mean that the limit is of no use any more. */
const UNUSED_IN_A_ROW = 50;

/** From here on there is no limit. */
const NO_LIMIT = 4_096;

/** Changes are taken up to so many times the limit of reads, and after so many times the wait. */
const CHANGES_FACTOR = 2;

/** Calls that are refused are told to come back in one to two seconds, each at a time of its own. */
const RETRY_MS = 1_000;
const ERRORS = 64;

/** What a call of an operation is; undefined: it is never refused, as it asks after the health of the service. */
export function loadKindOf({ service, kind, effect }: Operation): LoadKind | undefined {
  if (service === 'grpc.health.v1.Health') return undefined;
  if (kind !== 'unary') return 'watch';
  return effect === 'READ' || effect === 'SECRET' ? 'read' : 'change';
}

/**
 * Makes a shedder. When the event loop is late, or saturated with more to come than it can do within the bound, it lets in as
 * many calls at a time as it can do within the bound, by what calls cost; and fewer, if it is late all the same. When the loop
 * is well, it lets in more again, until there is no limit.
 *
 * It cannot go by the delay alone: most calls wait for Vultr first, so that hundreds are let in before the loop is late at all.
 */
export function createShedder(options: ShedderOptions): Shedder {
  return new LimitingShedder(options);
}

class LimitingShedder implements Shedder {
  readonly #options: ShedderOptions;
  readonly #gauge: LoadGauge;
  readonly #errors = Array.from({ length: ERRORS }, (_, index) => overloaded(index / ERRORS));
  #nextError = 0;
  #inProgress = 0;
  /** How many reads may be in progress; infinite when the event loop has been well for long enough. */
  #limit = Number.POSITIVE_INFINITY;
  /** How far the calls in progress may rise at once. */
  #burst = LEAST_BURST;
  #isStrained = false;
  #longInARow = 0;
  #calmInARow = 0;
  /** Since the last refusal of a read or a change. */
  #unusedInARow = 0;
  /** The part of the time that the loop has worked of late. */
  #workPart = 0;
  readonly #busy = { times: 0, ms: 0 };
  /** How long the loop has worked, and how many calls have ended, of late. */
  readonly #spent = { activeMs: 0, calls: 0 };
  /** What is left of the calls, or of the work, until the service is no longer cold; undefined: it is not. */
  #cold: { calls: number; workMs: number } | undefined = { calls: COLD_CALLS, workMs: COLD_WORK_MS };
  #counts: Record<LoadKind, number> | undefined;

  constructor(options: ShedderOptions) {
    this.#options = options;
    this.#gauge = (options.startGauge ?? startLoadGauge)((load) => this.#take(load));
  }

  objection(kind: LoadKind | undefined, waitedMs = 0): CallError | undefined {
    if (kind === undefined || this.#cold !== undefined) return undefined;
    if (!this.#isStrained && this.#isFlood()) this.#limitTo(this.#inProgress);
    if (!this.#isStrained || !(this.#isLate(kind, waitedMs) || this.#isTooMuch(kind))) return undefined;
    this.#note(kind);
    this.#nextError = (this.#nextError + 1) % ERRORS;
    return this.#errors[this.#nextError];
  }

  begin(): () => void {
    if (this.#inProgress === 0) this.#gauge.resume();
    this.#inProgress += 1;
    // What the calls have cost until now is all there is to judge this crowd by, so it is kept.
    if (this.#inProgress > COLD_MOST) this.#cold = undefined;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#inProgress -= 1;
      this.#spent.calls += 1;
      this.#warmUp(1, 0);
    };
  }

  /** With few in progress there is no crowd that it has waited for. */
  #isLate(kind: LoadKind, waitedMs: number): boolean {
    const { delayMs, leastCalls } = this.#options;
    return waitedMs > delayMs * factorOf(kind) && this.#inProgress >= leastCalls;
  }

  #isTooMuch(kind: LoadKind): boolean {
    if (kind === 'watch') return true;
    return this.#inProgress >= this.#limit * factorOf(kind);
  }

  #note(kind: LoadKind): void {
    if (this.#counts === undefined) {
      this.#counts = { watch: 0, read: 0, change: 0 };
      this.#options.onBegin();
    }
    this.#counts[kind] += 1;
    if (kind !== 'watch') this.#unusedInARow = 0;
    this.#options.onShed(kind);
  }

  #take(load: Load): void {
    // While the service is cold, that it is late says nothing of how many calls there are.
    const isLong = this.#cold === undefined && load.delayMs > this.#options.delayMs;
    this.#longInARow = isLong ? this.#longInARow + 1 : 0;
    this.#calmInARow = isLong ? 0 : this.#calmInARow + 1;
    this.#unusedInARow += 1;
    this.#noteWork(load);
    if (!isLong && !this.#isBusy) this.#growBurst();
    if (this.#longInARow === LONG_IN_A_ROW) this.#cut(load.delayMs);
    else if (this.#cold === undefined && this.#isDrowning()) this.#limitTo(this.#affordable());
    else if (this.#isStrained && !isLong) this.#recover();
    this.#pauseWhenIdle();
  }

  #noteWork({ activeMs, elapsedMs }: Load): void {
    const isBusy = activeMs >= elapsedMs * BUSY_PART;
    this.#busy.times = isBusy ? this.#busy.times + 1 : 0;
    this.#busy.ms = isBusy ? this.#busy.ms + elapsedMs : 0;
    const part = elapsedMs === 0 ? 0 : activeMs / elapsedMs;
    this.#workPart += (part - this.#workPart) * Math.min(1, elapsedMs / WORK_MS);
    this.#spent.activeMs = this.#spent.activeMs * MEMORY + activeMs;
    this.#spent.calls *= MEMORY;
    this.#warmUp(0, activeMs);
  }

  /** What calls have cost while the service was cold says nothing of what they cost once it is warm. */
  #warmUp(calls: number, workMs: number): void {
    if (this.#cold === undefined) return;
    this.#cold.calls -= calls;
    this.#cold.workMs -= workMs;
    if (this.#cold.calls > 0 && this.#cold.workMs > 0) return;
    this.#cold = undefined;
    Object.assign(this.#spent, { activeMs: 0, calls: 0 });
  }

  #growBurst(): void {
    const wanted = Math.min(this.#burst * BURST_GROWTH, 2 * this.#inProgress);
    this.#burst = Math.max(LEAST_BURST, this.#burst * BURST_DECAY, wanted);
  }

  /** Whether more has come at once than the loop can do in time, which it is late to show: most calls wait for Vultr first. */
  #isFlood(): boolean {
    return this.#inProgress >= this.#burst && this.#inProgress > BURST_BOUNDS * this.#affordable();
  }

  get #isBusy(): boolean {
    return this.#busy.times >= BUSY_IN_A_ROW && this.#busy.ms >= BUSY_MS;
  }

  /** Whether the loop has no time left, and the calls in progress want more of it than they should wait for. */
  #isDrowning(): boolean {
    const affordable = this.#affordable();
    return this.#isBusy && this.#limit > affordable && this.#inProgress > 2 * affordable;
  }

  /** How many calls the loop can do within the bound, by what they have cost of late; infinite: that is not known. */
  #affordable(): number {
    const { activeMs, calls } = this.#spent;
    if (calls < 1) return Number.POSITIVE_INFINITY;
    return Math.max(this.#options.leastCalls, (this.#options.delayMs * calls) / Math.max(activeMs, 1));
  }

  /** What comes of a cut is waited for: the next one needs as many long delays again. */
  #cut(delayMs: number): void {
    this.#longInARow = 0;
    const part = Math.min(MILDEST_CUT, Math.max(HARDEST_CUT, this.#options.delayMs / delayMs));
    const cut = Math.floor(Math.min(this.#limit, this.#inProgress) * part);
    const affordable = this.#affordable();
    this.#limitTo(affordable < this.#limit ? affordable : cut);
  }

  #limitTo(calls: number): void {
    if (!this.#isStrained) this.#unusedInARow = 0;
    this.#isStrained = true;
    this.#limit = Math.max(this.#options.leastCalls, calls);
  }

  #recover(): void {
    this.#limit = Math.max(this.#options.leastCalls, this.#limit * CHANGE[this.#change()]);
    const isUnused = this.#limit >= NO_LIMIT || this.#unusedInARow >= UNUSED_IN_A_ROW;
    if (!isUnused || this.#calmInARow < CALM_IN_A_ROW) return;
    this.#limit = Number.POSITIVE_INFINITY;
    this.#isStrained = false;
    if (this.#counts !== undefined) this.#options.onEnd(this.#counts);
    this.#counts = undefined;
  }

  #change(): keyof typeof CHANGE {
    if (this.#inProgress <= this.#limit / 2) return 'free';
    if (this.#workPart > WORK_PART.high) return 'down';
    return this.#workPart > WORK_PART.low ? 'hold' : 'up';
  }

  /**
   * Without calls and with nothing to recover from, there is nothing to measure. The next measurement finds that out: to stop and
   * start with each call, most of which are over at once, would cost more than a measurement.
   */
  #pauseWhenIdle(): void {
    if (this.#inProgress === 0 && !this.#isStrained) this.#gauge.pause();
  }
}

function factorOf(kind: LoadKind): number {
  return kind === 'change' ? CHANGES_FACTOR : 1;
}

/**
 * UNAVAILABLE rather than RESOURCE_EXHAUSTED: it is this replica that cannot, and not the caller who has used up what it may, so
 * a balancer may well send the next attempt to another one.
 */
function overloaded(random: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    'OVERLOADED',
    'The service has more to do than it can. Nothing was sent. Call again later.',
    { reached: 'no', retryDelayMs: spreadRetry(RETRY_MS, () => random) },
  );
}

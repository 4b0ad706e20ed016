import { spreadRetry } from '../base/spread.ts';
import type { Operation } from '../contract/operation.ts';
import { CallError } from '../status/call-error.ts';
import { type LoadGauge, startLoadGauge } from './load-gauge.ts';

/** What a call is when there is too much to do: watches are refused first, then reads, and changes last. */
export type LoadKind = 'watch' | 'read' | 'change';

/** How many calls have been refused, by what they are. */
export type ShedCounts = Readonly<Record<LoadKind, number>>;

/** Refuses calls before the event loop drowns in them. */
export interface Shedder {
  /**
   * Why a call cannot be taken on now; undefined: it can. It is asked for every call, before anything of it is read, and costs
   * next to nothing. The errors are a few objects that are used again and again.
   */
  objection(kind: LoadKind | undefined): CallError | undefined;
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
  readonly startGauge?: (take: (delayMs: number) => void) => LoadGauge;
}

/** Sheds nothing. */
export const NO_SHEDDER: Shedder = { objection: () => undefined, begin: () => () => undefined };

/** How many measurements in a row have to be above the bound: a pause of the garbage collector is one or two. */
const LONG_IN_A_ROW = 3;

/** How many have to be within it, half a second of them, before watches are taken again. */
const CALM_IN_A_ROW = 25;

/** A cut leaves between this and that much of the calls in progress; the worse the delay, the less. */
const HARDEST_CUT = 0.3;
const MILDEST_CUT = 0.8;

/**
 * How fast the limit grows with each measurement: slowly while the delay is more than half of the bound; otherwise quickly, but
 * for the time that calls wait for it, since what it lets in shows late.
 */
const GROWTH = { late: 1.01, inUse: 1.05, free: 1.2 } as const;

/** From here on there is no limit. */
const NO_LIMIT = 4_096;

/** Changes are taken up to so many times the limit of reads. */
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
 * Makes a shedder. While the event loop is late, it lets fewer calls be in progress at a time, until it is not late any more; when
 * the loop is well, it lets in more again, until there is no limit.
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
  #isStrained = false;
  #longInARow = 0;
  #calmInARow = 0;
  #counts: Record<LoadKind, number> | undefined;

  constructor(options: ShedderOptions) {
    this.#options = options;
    this.#gauge = (options.startGauge ?? startLoadGauge)((delayMs) => this.#take(delayMs));
  }

  objection(kind: LoadKind | undefined): CallError | undefined {
    if (!this.#isStrained || kind === undefined || !this.#isTooMuch(kind)) return undefined;
    this.#note(kind);
    this.#nextError = (this.#nextError + 1) % ERRORS;
    return this.#errors[this.#nextError];
  }

  begin(): () => void {
    if (this.#inProgress === 0) this.#gauge.resume();
    this.#inProgress += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#inProgress -= 1;
      this.#pauseWhenIdle();
    };
  }

  #isTooMuch(kind: LoadKind): boolean {
    if (kind === 'watch') return true;
    return this.#inProgress >= this.#limit * (kind === 'change' ? CHANGES_FACTOR : 1);
  }

  #note(kind: LoadKind): void {
    if (this.#counts === undefined) {
      this.#counts = { watch: 0, read: 0, change: 0 };
      this.#options.onBegin();
    }
    this.#counts[kind] += 1;
    this.#options.onShed(kind);
  }

  #take(delayMs: number): void {
    const { delayMs: bound } = this.#options;
    const isLong = delayMs > bound;
    this.#longInARow = isLong ? this.#longInARow + 1 : 0;
    this.#calmInARow = isLong ? 0 : this.#calmInARow + 1;
    if (this.#longInARow === LONG_IN_A_ROW) this.#cut(delayMs);
    else if (this.#isStrained && !isLong) this.#recover(delayMs);
    this.#pauseWhenIdle();
  }

  /** What comes of a cut is waited for: the next one needs as many long delays again. */
  #cut(delayMs: number): void {
    this.#longInARow = 0;
    this.#isStrained = true;
    const part = Math.min(MILDEST_CUT, Math.max(HARDEST_CUT, this.#options.delayMs / delayMs));
    const cut = Math.min(this.#limit, this.#inProgress) * part;
    this.#limit = Math.max(this.#options.leastCalls, Math.floor(cut));
  }

  #recover(delayMs: number): void {
    const isLate = delayMs > this.#options.delayMs / 2;
    const isInUse = this.#inProgress > this.#limit / 2;
    this.#limit *= GROWTH[isLate ? 'late' : isInUse ? 'inUse' : 'free'];
    if (this.#limit >= NO_LIMIT) this.#limit = Number.POSITIVE_INFINITY;
    if (this.#limit < NO_LIMIT || this.#calmInARow < CALM_IN_A_ROW) return;
    this.#isStrained = false;
    if (this.#counts !== undefined) this.#options.onEnd(this.#counts);
    this.#counts = undefined;
  }

  /** Without calls and with nothing to recover from, there is nothing to measure. */
  #pauseWhenIdle(): void {
    if (this.#inProgress === 0 && !this.#isStrained) this.#gauge.pause();
  }
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

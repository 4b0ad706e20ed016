import type { PermitSource } from './permit.ts';

/** How many permits the estimate looks back on. */
const WINDOW_PERMITS = 256;

/** The number of responses of which the fastest shows how long Vultr takes at best. */
const WINDOW_RESPONSES = 32;

/**
 * The estimate starts as if permits had come at the full rate for this long: a single gap, which a burst or a busy machine
 * leaves behind, then says little, and a lasting one says it all.
 */
const PRIOR_MS = 5_000;

/** How long responses may fail to come before what is under way counts as held up: 1.5 times the pace, and some. */
const SILENCE = { paces: 1.5, ms: 20 } as const;

interface Grant {
  readonly atMs: number;
  /** How long the permits up to this one take at the source's own rate. */
  readonly idealMs: number;
}

/**
 * How fast permits and responses really come. The source's rate is the best case: other replicas take part of it, and
 * requests that are under way for long hold the next ones up. Times are milliseconds since the epoch.
 */
export class Pace {
  readonly #source: Pick<PermitSource, 'state' | 'msFor'>;
  readonly #burst: number;
  /** The last grants since requests began to wait, the oldest first. */
  #grants: Grant[] = [];
  #lastResponseMs = Number.NEGATIVE_INFINITY;
  /** How long the last responses took. */
  readonly #responseTimes: number[] = [];

  /** @param burst how many permits the source may give ahead of time, after which it pauses as long */
  constructor(source: Pick<PermitSource, 'state' | 'msFor'>, burst: number) {
    this.#source = source;
    this.#burst = burst;
  }

  /** When the next permit can be expected, if none is reserved. */
  nextMs(nowMs: number): number {
    const last = this.#grants.at(-1);
    return last === undefined ? nowMs : last.atMs + this.intervalMs(nowMs);
  }

  /** The time between two permits. */
  intervalMs(nowMs: number): number {
    return this.#source.state().intervalMs * this.#slowness(nowMs);
  }

  /** How long this many permits will take at the recent pace. */
  msFor(permits: number, nowMs: number): number {
    return this.#source.msFor(permits) * this.#slowness(nowMs);
  }

  /** Reports that nobody was waiting, so that the gap that ends now does not count. */
  restart(): void {
    this.#grants = [];
  }

  notePermit(nowMs: number): void {
    const last = this.#grants.at(-1);
    const idealMs = last === undefined ? 0 : last.idealMs + this.#source.state().intervalMs;
    this.#grants.push({ atMs: nowMs, idealMs });
    if (this.#grants.length > WINDOW_PERMITS) this.#grants.shift();
  }

  /**
   * Looks for a burst: no response came for a while, though one was due. Whatever held it up (a slow handshake, a lost
   * packet, a busy machine), what was sent meanwhile may have reached Vultr at the same moment, at its end. A response that
   * is slow while others come is no sign of one, nor is one that takes as long as they always do.
   * @param tookMs since the request of this response was sent
   * @returns for how long requests may have been held up; 0: they were not
   */
  noteResponse(nowMs: number, tookMs: number): number {
    const silentMs = nowMs - this.#lastResponseMs;
    const longestMs = SILENCE.paces * this.intervalMs(nowMs) + SILENCE.ms;
    const heldMs = silentMs > longestMs ? Math.min(silentMs, tookMs - this.#usualMs()) : 0;
    this.#lastResponseMs = nowMs;
    this.#responseTimes.push(tookMs);
    if (this.#responseTimes.length > WINDOW_RESPONSES) this.#responseTimes.shift();
    return heldMs > longestMs ? heldMs : 0;
  }

  /** How long a response takes at best. */
  #usualMs(): number {
    return this.#responseTimes.length === 0 ? 0 : Math.min(...this.#responseTimes);
  }

  /** How many times as long as at the source's own rate permits take: 1 or more. */
  #slowness(nowMs: number): number {
    const [first] = this.#grants;
    const last = this.#grants.at(-1);
    if (first === undefined || last === undefined) return 1;
    const { intervalMs } = this.#source.state();
    const idealMs = last.idealMs - first.idealMs;
    // The permit that is due by now counts only from when it is late, and a burst before the window is paid for within it.
    const tookMs = Math.max(last.atMs, nowMs - intervalMs) - first.atMs - this.#burst * intervalMs;
    const priorMs = Math.max(0, PRIOR_MS - idealMs);
    return Math.max(1, (tookMs + priorMs) / (idealMs + priorMs));
  }
}

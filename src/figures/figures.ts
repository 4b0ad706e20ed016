import { clip } from '../base/text.ts';
import { type CallRecord, describeFailure } from '../telemetry/call-log.ts';
import { redact } from '../telemetry/describe.ts';
import type { VultrEvent } from '../vultr/observe.ts';
import { LatencyWindow } from './latency-window.ts';
import { NamedValues } from './named.ts';
import { SecondSeries } from './series.ts';
import type { CallerFigures, CallFigures, ErrorFigures } from './snapshot.ts';

/** What bounds the memory of the figures, which is some 300 KB at the most. */
export const FIGURE_LIMITS = {
  /** How many seconds the charts show. */
  seconds: 120,
  /** How many methods have figures of their own. */
  maxMethods: 200,
  /** How many callers have figures of their own. */
  maxCallers: 200,
  /** How many failures are kept. */
  maxErrors: 20,
} as const;

/** How long figures are shown, and kept at least. */
const WINDOW_MS = 60_000;

/** The name under which requests are counted that belong to no operation. */
const NO_OPERATION = '(no operation)';

/** What happened in the last minutes, in memory of a fixed size, for people who look at it. */
export class Figures {
  readonly #now: () => number;
  readonly #calls = new SecondSeries(FIGURE_LIMITS.seconds);
  readonly #failures = new SecondSeries(FIGURE_LIMITS.seconds);
  readonly #permits = new SecondSeries(FIGURE_LIMITS.seconds);
  readonly #methods: NamedValues<LatencyWindow>;
  readonly #callers: NamedValues<LatencyWindow>;
  readonly #errors: ErrorFigures[] = [];
  #active = 0;

  /** @param now the clock, in milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
    const isIdle = (window: LatencyWindow): boolean => window.lastMs < now() - WINDOW_MS;
    this.#methods = new NamedValues(FIGURE_LIMITS.maxMethods, () => new LatencyWindow(), isIdle);
    this.#callers = new NamedValues(FIGURE_LIMITS.maxCallers, () => new LatencyWindow(), isIdle);
  }

  /** Counts a call that has begun; the returned function ends it. */
  beginCall(): () => void {
    this.#active += 1;
    return () => {
      this.#active -= 1;
    };
  }

  /** Counts a call that is over. */
  recordCall(record: CallRecord, isKnown: boolean): void {
    const nowMs = this.#now();
    const isError = record.error !== undefined;
    this.#calls.add(nowMs);
    if (isError) this.#failures.add(nowMs);
    this.#methods.get(isKnown ? record.method : NO_OPERATION).record(nowMs, record.durationMs, isError);
    if (record.error === undefined) return;
    if (this.#errors.length >= FIGURE_LIMITS.maxErrors) this.#errors.shift();
    this.#errors.push({
      at: new Date(nowMs).toISOString(),
      // What a caller made up as a path may hold anything, a key included.
      method: isKnown ? record.method : NO_OPERATION,
      code: record.code,
      reason: record.error.reason,
      message: clip(describeFailure(record.error, record), 200),
      request_id: record.requestId === undefined ? null : redact(record.requestId, record.secret),
      caller: record.caller ?? null,
    });
  }

  /** Counts what happens on the way to Vultr. */
  observe(event: VultrEvent): void {
    if (event.kind !== 'permit') return;
    const nowMs = this.#now();
    this.#permits.add(nowMs);
    this.#callers.get(event.key).record(nowMs, event.waitedMs, false);
  }

  calls(): CallFigures {
    const nowMs = this.#now();
    const methods = [...this.#methods.entries()]
      .map(([method, window]) => ({ method, ...window.summary(nowMs) }))
      .filter(({ calls }) => calls > 0)
      .sort((left, right) => right.calls - left.calls)
      .map(({ method, calls, errors, p50Ms = 0, p95Ms = 0, maxMs = 0 }) => ({
        method,
        calls,
        errors,
        p50_ms: round(p50Ms),
        p95_ms: round(p95Ms),
        max_ms: round(maxMs),
      }));
    return {
      active: this.#active,
      per_second: this.#calls.list(nowMs),
      failed_per_second: this.#failures.list(nowMs),
      last_minute: methods,
    };
  }

  /** How many requests went to Vultr in each of the last seconds. */
  permitsPerSecond(): readonly number[] {
    return this.#permits.list(this.#now());
  }

  /**
   * What each caller has had of the budget in the last minute, and how many of its requests wait.
   * @param waiting by caller, as the budget has it now
   */
  callers(waiting: ReadonlyMap<string, number>): readonly CallerFigures[] {
    const nowMs = this.#now();
    const used = new Map([...this.#callers.entries()].map(([key, window]) => [key, window.summary(nowMs)]));
    return [...new Set([...used.keys(), ...waiting.keys()])]
      .map((key) => ({
        caller: callerName(key),
        requests: used.get(key)?.calls ?? 0,
        waiting: waiting.get(key) ?? 0,
        longest_wait_ms: round(used.get(key)?.maxMs ?? 0),
      }))
      .filter(({ requests, waiting: count }) => requests + count > 0)
      .sort((left, right) => right.requests + right.waiting - left.requests - left.waiting)
      .slice(0, FIGURE_LIMITS.maxCallers);
  }

  /** The last failures, the newest first. */
  errors(): readonly ErrorFigures[] {
    return this.#errors.toReversed();
  }
}

/** Three digits are enough for people. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** How callerKey (vultr/credential-key.ts) is shown: a name, or the beginning of the hash of a key. */
function callerName(key: string): string {
  if (key === '') return '(no key)';
  if (key.startsWith('caller ')) return key.slice('caller '.length);
  return key.startsWith('(') ? key : `key #${key.slice(0, 8)}`;
}

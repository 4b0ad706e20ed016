import type { Clock } from '../base/clock.ts';
import { assertInteger } from '../base/limits.ts';
import { pause } from '../base/wait.ts';
import { abortError } from '../status/abort.ts';
import { CallError } from '../status/call-error.ts';
import { isAlreadyDone } from './already-done.ts';
import type { VultrObserver } from './observe.ts';
import type { SendContext, Stage, VultrRequest, VultrResponse } from './request.ts';
import type { RetryBudget } from './retry-budget.ts';
import { isThrottled, isTransient } from './transient.ts';

/** How often and how fast a request is repeated. */
export interface RetryPolicy {
  /** How often a request is sent at most, the first time included. Default 3; 1: never repeated, not even after a 429. */
  readonly maxAttempts: number;
  /** The longest wait before the second attempt; it doubles with each further one. Default 200. */
  readonly baseDelayMs: number;
  /** The longest wait of all, if Vultr does not ask for a longer one. Default 2000. */
  readonly maxDelayMs: number;
  /** How often a request is repeated after a 429 at most; this does not count as an attempt. Default 10. */
  readonly maxThrottled: number;
}

const DEFAULT_POLICY: RetryPolicy = { maxAttempts: 3, baseDelayMs: 200, maxDelayMs: 2_000, maxThrottled: 10 };

/** The options of the retry stage. */
export interface RetryOptions {
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly policy: Partial<RetryPolicy>;
  readonly budget: RetryBudget;
  readonly observe: VultrObserver;
}

/** What the attempts at one request have come to so far. */
interface Attempts {
  /** The number of the attempt that is under way, from 1. */
  attempt: number;
  readonly counts: { failed: number; throttled: number };
  /** The last failure after which Vultr may have carried out the request. */
  sent: CallError | undefined;
}

/**
 * Sends a request again, within its deadline, with exponential back-off and full jitter: the wait is anything from none to
 * its longest, so that callers who failed together do not come back together. It is added to what the Retry-After header of
 * Vultr asks for. An abort ends the wait at once.
 *
 * - After a 429 every request: Vultr's edge refused it and nothing behind it saw it. It goes before others.
 * - After a connection that could not be made every request: nothing was sent.
 * - After a lost connection and after 502, 503 and 504 a repeatable request: Vultr may have carried it out.
 *
 * The last two are subject to the retry budget; a 429 is not, since its repetitions wait for permits.
 *
 * The last failure is the one reported; but one that says that nothing was sent never hides that something was before. A
 * refusal that shows that an earlier attempt was carried out, such as 404 for a repeated DELETE, is a success.
 * @throws TypeError when the policy is not usable
 */
export function retryFailures(options: RetryOptions): Stage {
  const { clock, random, budget, observe } = options;
  const policy = resolvePolicy(options.policy);

  return (next) => async (request, context) => {
    const attempts: Attempts = { attempt: 1, counts: { failed: 0, throttled: 0 }, sent: undefined };
    for (; ; attempts.attempt++) {
      try {
        const response = await next(request, withAttempts(context, attempts));
        budget.succeed();
        return attempts.attempt === 1 ? response : { ...response, attempts: attempts.attempt };
      } catch (thrown) {
        const error = CallError.from(thrown);
        if (attempts.sent !== undefined && isAlreadyDone(request, error)) return done(attempts.attempt);
        await backOff(request, context, error, attempts);
      }
    }
  };

  /**
   * Waits until the request may be sent again.
   * @throws CallError what the caller is told when it may not be
   */
  async function backOff(
    request: VultrRequest,
    context: SendContext,
    error: CallError,
    attempts: Attempts,
  ): Promise<void> {
    const { counts } = attempts;
    const verdict = judge(request, error);
    const report = tellsOutcome(error) ? error : (attempts.sent ?? error);
    if (verdict === 'final') throw report;
    if (error.reached !== 'no') attempts.sent = error;
    counts[verdict] += 1;
    const isThrottle = verdict === 'throttled';
    if (isThrottle ? counts.throttled > policy.maxThrottled : counts.failed >= policy.maxAttempts)
      throw report;
    const longestMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (counts[verdict] - 1));
    const delayMs = (error.vultr?.retryAfterMs ?? 0) + random() * longestMs;
    if (clock.now() + delayMs >= context.deadline) throw report;
    if (!isThrottle && !budget.allowsRetry) {
      observe({ kind: 'retry_refused' });
      throw report;
    }
    observe({ kind: 'retry', attempt: attempts.attempt + 1, delayMs, throttled: isThrottle });
    await pause(clock, delayMs, context.signal);
    if (context.signal.aborted) throw abortError(context.signal);
  }

  /** Sorts a failure and counts it. */
  function judge(request: VultrRequest, error: CallError): 'throttled' | 'failed' | 'final' {
    if (isThrottled(error)) return 'throttled';
    if (!isTransient(error)) return 'final';
    budget.fail();
    return request.repeatable || error.reached === 'no' ? 'failed' : 'final';
  }
}

/** What the caller hears of a change that an earlier attempt has made: its own response is lost. */
function done(attempts: number): VultrResponse {
  return { status: 204, contentType: '', body: new Uint8Array(), attempts };
}

/** Whether the failure tells how the request fared: it was not turned back on the way to Vultr. */
function tellsOutcome(error: CallError): boolean {
  return error.reached !== 'no' || (error.vultr !== undefined && !isThrottled(error));
}

function resolvePolicy(given: Partial<RetryPolicy>): RetryPolicy {
  const policy = { ...DEFAULT_POLICY, ...given };
  for (const [name, value] of Object.entries(policy)) {
    assertInteger(`retry.${name}`, value, name === 'maxAttempts' ? 1 : 0);
  }
  return policy.maxAttempts === 1 ? { ...policy, maxThrottled: 0 } : policy;
}

function withAttempts(context: SendContext, { attempt, counts }: Attempts): SendContext {
  if (attempt === 1) return context;
  const { signal, onSend } = context;
  return {
    signal,
    // That of a shared request may still move.
    get deadline() {
      return context.deadline;
    },
    ...(onSend !== undefined && { onSend }),
    resends: attempt - 1,
    throttled: counts.throttled > 0,
  };
}

import { CallError } from '../status/call-error.ts';
import { abortError } from '../status/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { VultrObserver } from './observe.ts';
import type { SendContext, Stage, VultrRequest, VultrResponse } from './request.ts';
import type { RetryBudget } from './retry-budget.ts';
import { isThrottled, isTransient } from './transient.ts';

/** How often and how fast a request is repeated. */
export interface RetryPolicy {
  /** How often a request is sent at the most, the first time included. Default 3; 1: never repeated, not even
   * after a 429. */
  readonly maxAttempts: number;
  /** The longest wait before the second attempt; it doubles with each further one. Default 200. */
  readonly baseDelayMs: number;
  /** The longest wait of all. Default 2000. */
  readonly maxDelayMs: number;
  /** How often a request is repeated after a 429 at the most; this does not count as an attempt. Default 10. */
  readonly maxThrottled: number;
}

const DEFAULT_POLICY: RetryPolicy = { maxAttempts: 3, baseDelayMs: 200, maxDelayMs: 2_000, maxThrottled: 10 };

/** What the retry stage is made of. */
export interface RetryOptions {
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly policy: Partial<RetryPolicy>;
  readonly budget: RetryBudget;
  readonly observe: VultrObserver;
}

/**
 * Sends a request again, within its deadline, with exponential back-off and full jitter: the wait is anything from none to
 * its longest, so that callers who failed together do not come back together. An abort ends the wait at once.
 *
 * - After a 429 every request: Vultr's edge refused it and nothing behind it saw it. It goes before others.
 * - After a connection that did not come about every request: nothing was sent.
 * - After a lost connection and after 502, 503 and 504 a repeatable request: Vultr may have carried it out.
 *
 * The last two are subject to the retry budget; a 429 is not, since its repetitions wait for turns of the rate.
 * The last failure is the one reported; but one that says that nothing was sent never hides that something was before.
 * @throws TypeError when the policy is not usable
 */
export function retryFailures(options: RetryOptions): Stage {
  const { clock, random, budget, observe } = options;
  const { maxAttempts, baseDelayMs, maxDelayMs, maxThrottled } = resolvePolicy(options.policy);

  /** Sorts a failure and counts it. */
  function judge(request: VultrRequest, error: CallError): 'throttled' | 'failed' | 'final' {
    if (isThrottled(error)) return 'throttled';
    if (!isTransient(error)) return 'final';
    budget.fail();
    return request.repeatable || error.reached === 'no' ? 'failed' : 'final';
  }

  return (next) => async (request, context) => {
    const counts = { failed: 0, throttled: 0 };
    let sent: CallError | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await next(request, withThrottled(context, counts.throttled > 0));
        budget.succeed();
        return { ...answer, attempts: attempt } satisfies VultrResponse;
      } catch (thrown) {
        const error = CallError.from(thrown);
        const verdict = judge(request, error);
        const report = wasAnswered(error) ? error : (sent ?? error);
        if (verdict === 'final') throw report;
        if (error.reached !== 'no') sent = error;
        counts[verdict] += 1;
        const isThrottle = verdict === 'throttled';
        if (isThrottle ? counts.throttled > maxThrottled : counts.failed >= maxAttempts) throw report;
        const delayMs = random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (counts[verdict] - 1));
        if (clock.now() + delayMs >= context.deadline) throw report;
        if (!isThrottle && !budget.allowsRetry) {
          observe({ kind: 'retry_refused' });
          throw report;
        }
        observe({ kind: 'retry', attempt: attempt + 1, delayMs, throttled: isThrottle });
        await pause(clock, delayMs, context);
      }
    }
  };
}

/** Whether the failure tells how the request fared: it was not turned back on the way to Vultr. */
function wasAnswered(error: CallError): boolean {
  return error.reached !== 'no' || (error.vultr !== undefined && !isThrottled(error));
}

function resolvePolicy(given: Partial<RetryPolicy>): RetryPolicy {
  const policy = { ...DEFAULT_POLICY, ...given };
  for (const [name, value] of Object.entries(policy)) {
    const least = name === 'maxAttempts' ? 1 : 0;
    if (!Number.isInteger(value) || value < least) {
      throw new TypeError(`retry.${name} is ${value}; it has to be an integer, ${least} or more.`);
    }
  }
  return policy.maxAttempts === 1 ? { ...policy, maxThrottled: 0 } : policy;
}

function withThrottled(context: SendContext, throttled: boolean): SendContext {
  return throttled ? { ...context, throttled } : context;
}

async function pause(clock: Clock, delayMs: number, { signal }: SendContext): Promise<void> {
  try {
    await clock.sleep(delayMs, signal);
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error;
  }
}

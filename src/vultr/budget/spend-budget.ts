import { CallError } from '../../status/call-error.ts';
import type { Stage } from '../request.ts';
import { isThrottled } from '../transient.ts';
import type { Budget } from './budget.ts';

/**
 * Lets every attempt wait for its permit. It stands below retry, so that each attempt takes one, and above refuseFailures,
 * because it has to see a 429 as an error.
 */
export function spendBudget(budget: Budget): Stage {
  return (next) => async (request, context) => {
    const granted = budget.acquire(request, context);
    const grantedMs = typeof granted === 'number' ? granted : await granted;
    let hasResponse = false;
    try {
      const response = await next(request, context);
      hasResponse = true;
      return response;
    } catch (error) {
      if (error instanceof CallError) {
        hasResponse = error.vultr !== undefined;
        if (isThrottled(error)) await budget.slowDown();
      }
      throw error;
    } finally {
      budget.release(grantedMs, hasResponse);
    }
  };
}

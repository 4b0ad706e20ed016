import { CallError } from '../../status/call-error.ts';
import type { Stage } from '../request.ts';
import { isThrottled } from '../transient.ts';
import type { Budget } from './budget.ts';

/**
 * Lets every attempt wait for its turn. It stands below retry, so that each attempt takes one, and above refuseFailures:
 * it has to see a 429 as an error.
 */
export function spendBudget(budget: Budget): Stage {
  return (next) => async (request, context) => {
    const turnMs = await budget.takeTurn(request, context);
    let wasAnswered = false;
    try {
      const answer = await next(request, context);
      wasAnswered = true;
      return answer;
    } catch (error) {
      if (error instanceof CallError) {
        wasAnswered = error.vultr !== undefined;
        if (isThrottled(error)) await budget.slowDown();
      }
      throw error;
    } finally {
      budget.endTurn(turnMs, wasAnswered);
    }
  };
}

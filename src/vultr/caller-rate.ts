import type { Clock } from '../base/clock.ts';
import { abortError } from '../status/abort.ts';
import type { CallError } from '../status/call-error.ts';
import { type Refusal, refusal } from './budget/refusal.ts';
import { callerLabel, type VultrObserver } from './observe.ts';
import type { SendContext, Stage, VultrRequest } from './request.ts';

/** How many callers are tracked; the one that has been quiet for longest is forgotten first. */
const MAX_CALLERS = 10_000;

/** How many requests may wait for their callers' rates: of one caller, and in all. */
const MAX_WAITING = { ofOne: 500, inAll: 2_000 } as const;

/** The options of the stage. */
export interface CallerRateOptions {
  readonly clock: Clock;
  /** How many replicas there are: each grants its part of a caller's rate. */
  readonly replicas: number;
  readonly observe: VultrObserver;
}

/** What is known of a caller with a rate. */
interface Account {
  /** When its next request is due. */
  dueMs: number;
  waiting: number;
}

/**
 * Holds each caller with a rate of its own to it, before its requests wait for the budget: one after the other, at the mean
 * rate, with a second's worth at once after a pause (the generic cell rate algorithm). A request that could not be sent in
 * time is refused at once, and takes no place.
 */
export function limitCallerRate({ clock, replicas, observe }: CallerRateOptions): Stage {
  /** By the callers' names; the one that was used last is the last one. */
  const accounts = new Map<string, Account>();
  let waitingInAll = 0;

  function accountOf(name: string): Account {
    const account = accounts.get(name) ?? { dueMs: 0, waiting: 0 };
    accounts.delete(name);
    accounts.set(name, account);
    for (const [oldest] of accounts) {
      if (accounts.size <= MAX_CALLERS) break;
      accounts.delete(oldest);
    }
    return account;
  }

  async function wait(account: Account, waitMs: number, signal: AbortSignal): Promise<void> {
    account.waiting += 1;
    waitingInAll += 1;
    try {
      await clock.sleep(waitMs, signal);
    } catch (error) {
      throw signal.aborted ? abortError(signal) : error;
    } finally {
      account.waiting -= 1;
      waitingInAll -= 1;
    }
  }

  async function pace(ratePerSecond: number, request: VultrRequest, context: SendContext): Promise<void> {
    const { caller, kind } = request;
    const account = accountOf(caller?.name ?? '');
    const intervalMs = (1_000 * replicas) / ratePerSecond;
    const nowMs = clock.now();
    const atMs = Math.max(account.dueMs, nowMs - Math.max(0, 1_000 - intervalMs));
    const refuse = (why: Refusal, retryMs: number): CallError => {
      observe({ kind: 'refused', request: kind, caller: callerLabel(request), why });
      return refusal(why, Math.max(intervalMs, retryMs));
    };
    if (atMs > context.deadline) throw refuse('caller_rate', atMs - context.deadline);
    if (account.waiting >= MAX_WAITING.ofOne) throw refuse('caller_full', intervalMs);
    if (waitingInAll >= MAX_WAITING.inAll) throw refuse('queue_full', intervalMs);
    account.dueMs = atMs + intervalMs;
    if (atMs > nowMs) await wait(account, atMs - nowMs, context.signal);
  }

  return (next) => (request, context) => {
    const rate = request.caller?.ratePerSecond;
    return rate === undefined
      ? next(request, context)
      : pace(rate, request, context).then(() => next(request, context));
  };
}

import { type Clock, systemClock } from '../base/clock.ts';
import { spreadRetry } from '../base/spread.ts';
import { type BreakerPolicy, breakerOpen, createBreaker, sideOf } from './breaker.ts';
import type { BudgetState } from './budget/budget.ts';
import { createBudget } from './budget/create-budget.ts';
import type { BudgetOptions } from './budget/options.ts';
import { spendBudget } from './budget/spend-budget.ts';
import { type CacheOptions, type CacheState, type CacheView, createCatalogueCache } from './cache.ts';
import { limitCallerRate } from './caller-rate.ts';
import type { CircuitKind, Side } from './circuit.ts';
import { enforceDeadline } from './deadline.ts';
import { refuseFailures } from './errors.ts';
import type { VultrObserver } from './observe.ts';
import type { Send, SendOrRecall, Stage } from './request.ts';
import { type RetryPolicy, retryFailures } from './retry.ts';
import { RetryBudget, type RetryBudgetLimits } from './retry-budget.ts';
import { type SingleflightLimits, singleflight } from './singleflight.ts';
import { createTransport, type TransportOptions } from './transport.ts';
import { resolveLimits, type TransportLimits } from './transport-limits.ts';

/** The stages below the cache, from the outside in. */
const BELOW_CACHE = [
  'deadline',
  'singleflight',
  'retry',
  'further',
  'guard',
  'caller',
  'budget',
  'watch',
  'errors',
  'exchange',
] as const;

/** The stages from the outside in; the README of this folder says why. */
export const STAGE_ORDER = ['cache', ...BELOW_CACHE] as const;

/** The options of the way to Vultr; all but the base URL have defaults. */
export interface StageOptions {
  /** Where the API is, without its `/v2`: http or https, a path prefix is allowed. */
  readonly baseUrl: string;
  /** The User-Agent header; `vultr-grpc` by default. */
  readonly userAgent?: string;
  readonly limits?: Partial<TransportLimits>;
  /** As in TransportOptions. */
  readonly tls?: TransportOptions['tls'] | undefined;
  readonly retry?: Partial<RetryPolicy>;
  readonly retryBudget?: Partial<RetryBudgetLimits>;
  /** The request budget; undefined: requests go as they come. */
  readonly budget?: Partial<BudgetOptions>;
  /** The breaker; undefined: requests are sent whether Vultr responds or not. */
  readonly breaker?: Partial<BreakerPolicy>;
  /** The cache of the public catalogue; undefined: every request goes to Vultr. */
  readonly cache?: Omit<CacheOptions, 'clock' | 'observe'>;
  /** The sharing of identical reads; undefined: each is sent for itself. */
  readonly singleflight?: Partial<SingleflightLimits>;
  /** Further stages, the outermost first. They see every attempt. */
  readonly stages?: readonly Stage[];
  /** Sees each request that is really sent, and its response. Default: nothing does. */
  readonly exchange?: Stage;
  /** Called with what the stages do. Default: nothing is called. */
  readonly observe?: VultrObserver;
  readonly clock?: Clock;
  /** A number from 0 up to 1, for jitter. */
  readonly random?: () => number;
}

/** What the stages are doing, for metrics and readiness. */
export interface StageState {
  /** Undefined: there is no budget. */
  readonly budget: BudgetState | undefined;
  /** Undefined: there is no breaker. */
  readonly breaker: Readonly<Record<Side, CircuitKind>> | undefined;
  /** Undefined: there is no cache. */
  readonly cache: CacheState | undefined;
  /** Tokens left in the retry budget. */
  readonly retryTokens: number;
}

export type { CacheView };

/** What is in the stages, for people who look at it. It takes longer to read than the state. */
export interface StageDetails {
  /** How many requests of each caller wait for their permit; see callerKey. Undefined: there is no budget. */
  readonly waitingByCaller: ReadonlyMap<string, number> | undefined;
  /** Undefined: there is no cache. */
  readonly cache: CacheView | undefined;
}

/** Everything that a request passes between the door and the network. */
export interface Stages {
  /** Sends a request, unless the cache has the response; see Send. */
  readonly send: SendOrRecall;
  state(): StageState;
  /** @param mostEntries how many responses of the cache are named */
  inspect(mostEntries: number): StageDetails;
  /** Refuses who waits, lets running requests end for a bounded time, then cuts them off and closes every connection. */
  close(): Promise<void>;
}

/**
 * Creates the stages. They open no connection before the first request.
 * @throws TypeError when the base URL or a limit is not usable
 */
export function createStages(options: StageOptions): Stages {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const observe = options.observe ?? (() => undefined);
  const limits = resolveLimits(options.limits ?? {});
  const retryBudget = new RetryBudget(options.retryBudget ?? {});
  const retry = retryFailures({ clock, random, policy: options.retry ?? {}, budget: retryBudget, observe });
  const breaker =
    options.breaker &&
    createBreaker({ clock, random, policy: options.breaker, observe, onOpen: refuseWaiting });
  const transport = createTransport({
    baseUrl: options.baseUrl,
    userAgent: options.userAgent ?? 'vultr-grpc',
    limits,
    tls: options.tls,
  });
  // The last of all: a shared budget opens a connection, which nobody would close if another option were refused.
  const { baseUrl } = options;
  const maxInFlight = limits.maxConnections;
  const budget =
    options.budget && createBudget({ options: options.budget, baseUrl, maxInFlight, clock, random, observe });

  const cache = options.cache && createCatalogueCache({ ...options.cache, clock, observe });

  /** With the breaker open, nobody need wait for a permit only to be refused. */
  function refuseWaiting(side: Side, retryMs: number): void {
    budget?.refuseWaiting(
      (kind) => sideOf(kind) === side,
      () => breakerOpen(side, spreadRetry(retryMs, random)),
    );
  }

  const stages: Readonly<Record<(typeof BELOW_CACHE)[number], readonly (Stage | undefined)[]>> = {
    deadline: [enforceDeadline(clock)],
    singleflight: [options.singleflight && singleflight({ clock, observe, limits: options.singleflight })],
    retry: [retry],
    further: options.stages ?? [],
    guard: [breaker?.guard],
    caller: [limitCallerRate({ clock, replicas: options.budget?.replicas ?? 1, observe })],
    budget: [budget && spendBudget(budget)],
    watch: [breaker?.watch],
    errors: [refuseFailures],
    exchange: [options.exchange],
  };
  const sendToVultr = BELOW_CACHE.flatMap((name) => stages[name])
    .filter((stage) => stage !== undefined)
    .reduceRight<Send>((next, stage) => stage(next), transport.send);
  return {
    send: cache?.stage(sendToVultr) ?? sendToVultr,
    state: () => ({
      budget: budget?.state(),
      breaker: breaker && { changes: breaker.stateOf('changes'), reads: breaker.stateOf('reads') },
      cache: cache?.state(),
      retryTokens: retryBudget.tokens,
    }),
    inspect: (mostEntries) => ({
      waitingByCaller: budget?.waitingByCaller(),
      cache: cache?.view(mostEntries),
    }),
    close: async () => {
      await Promise.all([budget?.close(), transport.close()]);
    },
  };
}

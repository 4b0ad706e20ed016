import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startSandbox } from '../../src/sandbox/index.ts';
import type { CallerTally, ReplicaPlan, ReplicaTally } from './plan.ts';
import type { RedisServer } from './redis-server.ts';

/** What is measured. */
export interface OverloadOptions {
  readonly processes: number;
  readonly seconds: number;
  /** Undefined: each process has a budget of its own, so there should be but one. */
  readonly redis: RedisServer | undefined;
  /** Whether Redis is killed after a third of the time and started, empty, after two thirds. */
  readonly outage: boolean;
}

/** What came out. */
export interface OverloadResult {
  readonly arrived: number;
  /** The most requests that the upstream saw in any second. */
  readonly mostInOneSecond: number;
  readonly answered429: number;
  /** The part of the 27 requests per second that was used, the first second left out. */
  readonly budgetUsed: number;
  /** Answers to the slowest caller, as a part of the mean. */
  readonly slowestShare: number;
  readonly calls: CallerTally;
  readonly replicas: readonly ReplicaTally[];
}

const CALLERS = 50;
const LIMIT_PER_SECOND = 30;
const BUDGET_PER_SECOND = 27;
/** Ten times the limit, from all callers together. */
const EVERY_MS = (CALLERS * 1_000) / (LIMIT_PER_SECOND * 10);
const TIMEOUT_MS = 5_000;
const WARM_UP_MS = 1_000;

/** Runs the overload: 50 callers who ask ten times as much as Vultr allows, against the sandbox with its limit. */
export async function runOverload(options: OverloadOptions): Promise<OverloadResult> {
  const { processes, seconds, redis, outage } = options;
  const sandbox = await startSandbox({ rateLimitPerSecond: LIMIT_PER_SECOND, maxLoggedRequests: 1_000_000 });
  const children: ChildProcess[] = [];
  try {
    for (let index = 0; index < processes; index++) {
      const firstCaller = Math.floor((CALLERS * index) / processes);
      const callers = Math.floor((CALLERS * (index + 1)) / processes) - firstCaller;
      const plan: ReplicaPlan = {
        upstreamUrl: sandbox.url,
        redisUrl: redis?.url,
        replicas: processes,
        callers,
        firstCaller,
        everyMs: EVERY_MS,
        timeoutMs: TIMEOUT_MS,
        seconds,
      };
      const file = fileURLToPath(new URL('./replica.ts', import.meta.url));
      children.push(fork(file, [JSON.stringify(plan)], { execArgv: [] }));
    }
    await Promise.all(children.map((child) => once(child, 'message')));
    const startedAtMs = Date.now();
    const tallies = children.map(async (child) => {
      const [tally] = await once(child, 'message');
      return tally as ReplicaTally;
    });
    for (const child of children) child.send('go');
    if (outage) {
      await delay((seconds * 1_000) / 3);
      await redis?.stop();
      await delay((seconds * 1_000) / 3);
      await redis?.start();
    }
    const replicas = await Promise.all(tallies);
    const log = sandbox.requests.list();
    const windowMs = seconds * 1_000 - WARM_UP_MS;
    const inWindow = log.filter(({ atMs }) => {
      const sinceMs = atMs - startedAtMs - WARM_UP_MS;
      return sinceMs >= 0 && sinceMs < windowMs;
    }).length;
    const callers = replicas.flatMap((replica) => replica.callers);
    const calls = sum(callers);
    return {
      arrived: log.length,
      mostInOneSecond: sandbox.requests.maxInWindow(1_000),
      answered429: sandbox.requests.count({ status: 429 }),
      budgetUsed: inWindow / ((BUDGET_PER_SECOND * windowMs) / 1_000),
      slowestShare: Math.min(...callers.map(({ answered }) => answered)) / (calls.answered / callers.length),
      calls,
      replicas,
    };
  } finally {
    for (const child of children) child.kill();
    await sandbox.close();
  }
}

function sum(tallies: readonly CallerTally[]): CallerTally {
  const total: CallerTally = { asked: 0, answered: 0, refused: 0, deadline: 0, other: 0, late: 0 };
  for (const tally of tallies) {
    for (const key of Object.keys(total) as (keyof CallerTally)[]) total[key] += tally[key];
  }
  return total;
}

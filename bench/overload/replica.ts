/**
 * One replica of the overload bench: a client with its callers, each with a key of its own, who ask at a fixed pace
 * whether they are answered or not. Started by run.ts, which sends the plan and `go`; it sends back `ready` and a tally.
 */
import { createStages } from '../../src/vultr/stages.ts';
import type { CallerTally, ReplicaPlan, ReplicaTally } from './plan.ts';

/** A response this much after its deadline counts as late: timers are not exact. */
const LATE_MS = 50;

const plan = JSON.parse(process.argv[2] ?? '') as ReplicaPlan;
const sources: string[] = [];
const client = createStages({
  baseUrl: plan.upstreamUrl,
  budget: {
    replicas: plan.replicas,
    ...(plan.redisUrl === undefined ? {} : { redis: { url: plan.redisUrl } }),
  },
  breaker: {},
  singleflight: {},
  observe: (event) => {
    if (event.kind === 'source') sources.push(event.state);
  },
});
const lefts: number[] = [];

process.once('message', () => void run());
process.send?.('ready');

async function run(): Promise<void> {
  const callers = await Promise.all(Array.from({ length: plan.callers }, (_, index) => call(index)));
  const { user, system } = process.cpuUsage();
  await client.close();
  const tally: ReplicaTally = {
    callers,
    sources,
    cpuMs: (user + system) / 1_000,
    rssMb: process.memoryUsage().rss / 2 ** 20,
    leastLeftMs: Math.min(...lefts),
  };
  process.send?.(tally, () => process.disconnect?.());
}

async function call(index: number): Promise<CallerTally> {
  const tally: CallerTally = { asked: 0, answered: 0, refused: 0, deadline: 0, other: 0, late: 0 };
  const running = new Set<Promise<void>>();
  const started = performance.now() + Math.random() * plan.everyMs;
  const end = performance.now() + plan.seconds * 1_000;
  for (let round = 0; ; round++) {
    const at = started + round * plan.everyMs;
    if (at >= end) break;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - performance.now())));
    // Never the same path twice: identical reads would share a request.
    const one = ask(`caller-${plan.firstCaller + index}-0123456789`, round, tally).finally(() =>
      running.delete(one),
    );
    running.add(one);
  }
  await Promise.all(running);
  return tally;
}

async function ask(credential: string, round: number, tally: CallerTally): Promise<void> {
  const deadline = Date.now() + plan.timeoutMs;
  tally.asked += 1;
  try {
    await client.send(
      {
        operation: 'bench',
        method: 'GET',
        path: '/v2/account',
        query: `round=${round}`,
        body: undefined,
        credential,
        kind: 'read',
        repeatable: true,
        isPublic: false,
      },
      { signal: new AbortController().signal, deadline },
    );
    tally.answered += 1;
    lefts.push(deadline - Date.now());
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'RESOURCE_EXHAUSTED') tally.refused += 1;
    else if (code === 'DEADLINE_EXCEEDED') tally.deadline += 1;
    else tally.other += 1;
  }
  if (Date.now() > deadline + LATE_MS) tally.late += 1;
}

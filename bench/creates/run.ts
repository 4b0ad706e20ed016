import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, startSandbox } from '../../src/sandbox/index.ts';
import { type Gateway, startGateway } from './gateway.ts';

/** What is to be done. */
export interface CreatesPlan {
  /** How many ids, each for one instance. */
  readonly ids: number;
  /** How many callers ask at a time. */
  readonly callers: number;
  /** How many processes of the service share the record. */
  readonly processes: number;
  /** How often one of them is killed (SIGKILL) and started again; 0: never. */
  readonly killEveryMs: number;
  /** Where the record is: a folder, or the URL of a Redis. */
  readonly record: { readonly stateDir: string } | { readonly redisUrl: string };
  /** The part of the requests to Vultr that a fault hits, 0 to 1. */
  readonly faultRate: number;
  readonly seed: number;
}

/** What came of it. */
export interface CreatesResult {
  readonly instancesMade: number;
  /** Ids that got different instances at different times. */
  readonly idsWithSeveralInstances: number;
  /** Instances that two ids got. */
  readonly instancesShared: number;
  /** Ids that had no reply when the time was over. */
  readonly withoutReply: number;
  readonly calls: number;
  readonly kills: number;
  /** How often each failure was met, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly faultsHit: number;
  readonly seconds: number;
}

const KEY = 'bench-of-creations-0123456789abcdef';
const LIST_LAG_MS = 500;
/**
 * A request that was given up can still arrive: some did up to 4 s later, and with 2 s here were second instances. TCP's
 * retransmission after the connection was closed fits that, and was not proven. The default is 2 min.
 */
const SETTLE_MS = 10_000;
const CALL_TIMEOUT_MS = 3_000;
const MAX_CALLS_PER_ID = 400;

/** Every way in which a response can be lost, before and after the work is done; for reads as for creations. */
function faultsAt(rate: number): Fault[] {
  const post = { method: 'POST', path: '/v2/instances' } as const;
  const each = rate / 6;
  return [
    { ...post, kind: 'drop-before', probability: each },
    { ...post, kind: 'drop-after', probability: each },
    { ...post, kind: 'status', status: 500, after: true, probability: each },
    { ...post, kind: 'status', status: 503, after: true, probability: each },
    { ...post, kind: 'cut-body', probability: each },
    { ...post, kind: 'hang', probability: each },
    { method: 'GET', kind: 'status', status: 502, probability: rate / 2 },
    { method: 'GET', kind: 'drop-before', probability: rate / 2 },
  ];
}

/** Has callers create instances through the service, each repeating with its id until it gets a reply, and counts. */
export async function runCreates(plan: CreatesPlan): Promise<CreatesResult> {
  const sandbox = await startSandbox({
    rateLimitPerSecond: 0,
    seed: plan.seed,
    lag: { listMs: LIST_LAG_MS, readMs: LIST_LAG_MS },
    maxInstances: 2 * plan.ids + 1_000,
    faults: faultsAt(plan.faultRate),
  });
  const gateways: Gateway[] = [];
  const killing = new AbortController();
  const counts = { calls: 0, kills: 0, severalInstances: 0, withoutReply: 0 };
  const failures: Record<string, number> = {};
  const owners = new Map<string, number>();
  const startedAt = performance.now();
  try {
    const { record } = plan;
    const flags = ['--upstream', sandbox.url, '--rate', 'off', '--log-level', 'silent'];
    flags.push('--call-timeout', `${CALL_TIMEOUT_MS}ms`, '--create-settle', `${SETTLE_MS}ms`);
    if ('stateDir' in record) flags.push('--state-dir', record.stateDir);
    const env = 'redisUrl' in record ? { REDIS_URL: record.redisUrl } : {};
    for (let index = 0; index < plan.processes; index += 1) gateways.push(await startGateway(flags, env));

    const killer = killSometimes();
    const queue = Array.from({ length: plan.ids }, () => randomUUID());
    await Promise.all(Array.from({ length: plan.callers }, () => call(queue)));
    killing.abort();
    await killer;
  } finally {
    killing.abort();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await sandbox.close();
  }
  return {
    instancesMade: sandbox.state.instancesCreated,
    idsWithSeveralInstances: counts.severalInstances,
    instancesShared: [...owners.values()].filter((ids) => ids > 1).length,
    withoutReply: counts.withoutReply,
    calls: counts.calls,
    kills: counts.kills,
    failures,
    faultsHit: sandbox.faults.list().reduce((total, { hits }) => total + hits, 0),
    seconds: (performance.now() - startedAt) / 1_000,
  };

  async function killSometimes(): Promise<void> {
    if (plan.killEveryMs === 0) return;
    for (let turn = 0; ; turn += 1) {
      await sleep(plan.killEveryMs * (0.5 + Math.random()), undefined, { signal: killing.signal }).catch(
        () => undefined,
      );
      if (killing.signal.aborted) return;
      await gateways[turn % gateways.length]?.replace();
      counts.kills += 1;
    }
  }

  async function call(queue: string[]): Promise<void> {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const instance = await askUntilReplied(id);
      if (instance === undefined) {
        counts.withoutReply += 1;
        continue;
      }
      owners.set(instance, (owners.get(instance) ?? 0) + 1);
      // Every tenth asks once more, after everything.
      if (Math.random() < 0.1 && (await askUntilReplied(id)) !== instance) counts.severalInstances += 1;
    }
  }

  async function askUntilReplied(id: string): Promise<string | undefined> {
    for (let turn = 0; turn < MAX_CALLS_PER_ID; turn += 1) {
      const gateway = gateways[Math.floor(Math.random() * gateways.length)]?.url();
      const outcome = gateway === undefined ? 'RESTARTING' : await ask(gateway, id);
      if (typeof outcome !== 'string') return outcome.id;
      failures[outcome] = (failures[outcome] ?? 0) + 1;
      await sleep(100 + Math.random() * 200);
    }
    return undefined;
  }

  /** The instance, or why there is none. */
  async function ask(gateway: string, id: string): Promise<{ readonly id: string } | string> {
    counts.calls += 1;
    try {
      const response = await fetch(`${gateway}/api/instance`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${KEY}`,
          // Some callers have no patience.
          'grpc-timeout': `${300 + Math.floor(Math.random() * 2 * CALL_TIMEOUT_MS)}m`,
        },
        body: JSON.stringify({
          region: 'ams',
          plan: 'vc2-1c-1gb',
          image_id: '2284',
          label: id,
          request_id: id,
        }),
        signal: AbortSignal.timeout(4 * CALL_TIMEOUT_MS),
      });
      const text = await response.text();
      const instance = /"instance":\{"id":"([^"]+)"/.exec(text)?.[1];
      if (response.ok && instance !== undefined) return { id: instance };
      return /"reason":"(\w+)"/.exec(text)?.[1] ?? `HTTP_${response.status}`;
    } catch (error) {
      return error instanceof Error && error.name === 'TimeoutError' ? 'NO_REPLY' : 'CONNECTION_LOST';
    }
  }
}

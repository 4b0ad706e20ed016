/**
 * A thread that asks after the health of the service over both transports, as an orchestrator does, all the time, each time
 * on a new connection. It is asked for the longest wait by any message, and forgets it then.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openHttp2, sendGrpc, sendHttp } from './clients.ts';

/** What a prober is started with. */
interface Addresses {
  readonly http: string;
  readonly grpc: string;
}

/** What it has seen since it was last asked. */
export interface Probes {
  readonly slowestMs: number;
  readonly failed: number;
}

/** Probes until it is stopped. */
export interface Prober {
  read(): Promise<Probes>;
  stop(): Promise<void>;
}

const PAUSE_MS = 100;
const GIVE_UP_MS = 10_000;

/** Starts a prober in a thread of its own, so that it is not held up by the attack. */
export function startProber({ http, grpc }: Addresses): Prober {
  const worker = new Worker(new URL(import.meta.url), { workerData: { http, grpc } satisfies Addresses });
  return {
    read: async () => {
      const reply = once(worker, 'message');
      worker.postMessage('read');
      const [probes] = (await reply) as [Probes];
      return probes;
    },
    stop: async () => {
      await worker.terminate();
    },
  };
}

async function probeHttp({ http }: Addresses): Promise<boolean> {
  return (await sendHttp(http, 'GET', '/healthz')) === 200;
}

async function probeGrpc({ grpc }: Addresses): Promise<boolean> {
  const session = await openHttp2(grpc);
  try {
    return (await sendGrpc(session, '/grpc.health.v1.Health/Check', new Uint8Array())) === 0;
  } finally {
    session.destroy();
  }
}

async function run(addresses: Addresses): Promise<void> {
  let slowestMs = 0;
  let failed = 0;
  /** When the probes under way began. */
  const begun = new Set<number>();
  parentPort?.on('message', () => {
    const waiting = [...begun].map((start) => performance.now() - start);
    const probes: Probes = { slowestMs: Math.round(Math.max(slowestMs, 0, ...waiting)), failed };
    parentPort?.postMessage(probes);
    slowestMs = 0;
    failed = 0;
  });
  const probe = async (ask: (addresses: Addresses) => Promise<boolean>): Promise<never> => {
    for (;;) {
      const start = performance.now();
      begun.add(start);
      const late = sleep(GIVE_UP_MS, false, { ref: false });
      if (!(await Promise.race([ask(addresses), late]))) failed += 1;
      begun.delete(start);
      slowestMs = Math.max(slowestMs, performance.now() - start);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all([probe(probeHttp), probe(probeGrpc)]);
}

if (!isMainThread) await run(workerData as Addresses);

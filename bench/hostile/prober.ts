/**
 * A thread that probes the health of the service over both transports, as an orchestrator does, again and again, each time on
 * a new connection. Any message makes it tell the longest wait, and forget it.
 *
 * A wait is measured by the clock, and by the processor time that the main thread of the service has used meanwhile. The
 * latter is what the service itself made the probe wait, however busy the machine is with other things.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openHttp2, sendGrpc, sendHttp } from './clients.ts';
import type { WatchedService } from './service.ts';

/** What a prober is started with. */
interface Addresses {
  readonly http: string;
  readonly grpc: string;
  readonly pid: number | undefined;
}

/** What it has seen since it was last asked. */
export interface Probes {
  readonly slowestMs: number;
  /** The longest wait in processor time of the service; where the system does not tell that, by the clock. */
  readonly heldUpMs: number;
  /** Probes that got another response than they should, or none. */
  readonly failed: number;
}

/** Probes until it is stopped. */
export interface Prober {
  read(): Promise<Probes>;
  stop(): Promise<void>;
}

const PAUSE_MS = 100;
const GIVE_UP_MS = 30_000;

/** Linux counts processor time in hundredths of a second. */
const MS_PER_TICK = 10;

/** Starts a prober in a thread of its own, so that it is not held up by the attack. */
export function startProber({ http, grpc, process: { pid } }: WatchedService): Prober {
  const workerData: Addresses = { http, grpc, pid };
  const worker = new Worker(new URL(import.meta.url), { workerData });
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

/** The processor time that the main thread of a process has used, in milliseconds; undefined: the system does not tell. */
function processorTime(pid: number | undefined): number | undefined {
  try {
    const [, fields = ''] = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'latin1').split(') ');
    // proc(5): utime and stime are the fields 14 and 15, and the state behind the name is the third.
    const [user, system] = fields.split(' ').slice(11, 13).map(Number);
    return user === undefined || system === undefined ? undefined : (user + system) * MS_PER_TICK;
  } catch {
    // Not Linux, or the process has ended.
    return undefined;
  }
}

/** A probe under way. */
interface Wait {
  readonly startMs: number;
  readonly startTime: number | undefined;
}

async function run(addresses: Addresses): Promise<void> {
  const { pid } = addresses;
  let slowestMs = 0;
  let heldUpMs = 0;
  let failed = 0;
  const begun = new Set<Wait>();
  const note = ({ startMs, startTime }: Wait): void => {
    const waitedMs = performance.now() - startMs;
    const time = processorTime(pid);
    slowestMs = Math.max(slowestMs, waitedMs);
    heldUpMs = Math.max(
      heldUpMs,
      time === undefined || startTime === undefined ? waitedMs : time - startTime,
    );
  };
  parentPort?.on('message', () => {
    for (const wait of begun) note(wait);
    const probes: Probes = { slowestMs: Math.round(slowestMs), heldUpMs: Math.round(heldUpMs), failed };
    parentPort?.postMessage(probes);
    slowestMs = 0;
    heldUpMs = 0;
    failed = 0;
  });
  const probe = async (ask: (addresses: Addresses) => Promise<boolean>): Promise<never> => {
    for (;;) {
      const wait: Wait = { startMs: performance.now(), startTime: processorTime(pid) };
      begun.add(wait);
      const late = sleep(GIVE_UP_MS, false, { ref: false });
      if (!(await Promise.race([ask(addresses), late]))) failed += 1;
      begun.delete(wait);
      note(wait);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all([probe(probeHttp), probe(probeGrpc)]);
}

if (!isMainThread) await run(workerData as Addresses);

/**
 * A thread that makes calls at a modest rate while the crowd makes many: what it measures is the service's, and not how late the
 * crowd itself is to read its responses.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { WatchedService } from '../hostile/service.ts';
import { type Measured, openCaller } from './caller.ts';

/** What a witness is started with. */
interface Orders {
  readonly grpc: string;
  readonly perSecond: number;
  readonly onsetMs: number;
  readonly ms: number;
}

/** Calls the service so many times a second: those of the beginning, and those after it. */
export async function witness(
  { grpc }: Pick<WatchedService, 'grpc'>,
  perSecond: number,
  onsetMs: number,
  ms: number,
): Promise<{ onset: Measured; load: Measured }> {
  const workerData: Orders = { grpc, perSecond, onsetMs, ms };
  const worker = new Worker(new URL(import.meta.url), { workerData });
  const [measured] = await once(worker, 'message');
  await worker.terminate();
  return measured;
}

if (!isMainThread) {
  const { grpc, perSecond, onsetMs, ms } = workerData as Orders;
  const caller = await openCaller({ grpc });
  parentPort?.postMessage(await caller.open(perSecond, onsetMs, ms));
}

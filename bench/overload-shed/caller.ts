/** Calls the service with a number of callers who wait, or at a rate whatever becomes of the calls. */
import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { openHttp2, sendGrpc } from '../hostile/clients.ts';

/** What came of the calls. */
export interface Measured {
  /** How long those took that succeeded, in milliseconds. */
  readonly admitted: number[];
  /** How many were refused with UNAVAILABLE. */
  shed: number;
  /** How many ended otherwise. */
  failed: number;
}

/** A client on several connections. */
export interface Caller {
  /** With so many callers who wait for each call, and for a moment after a refusal. */
  closed(callers: number, ms: number): Promise<Measured>;
  /** So many calls a second: those of the beginning, and those after it. */
  open(perSecond: number, onsetMs: number, ms: number): Promise<{ onset: Measured; load: Measured }>;
  /** How long until 16 calls at a time all succeed, each within so long. */
  recovery(withinMs: number): Promise<number>;
}

const METHOD = '/vultr.cloud.v1.CloudService/ListInstances';
const UNAVAILABLE = 14;
const CONNECTIONS = 8;
/** How often calls are made at a rate. */
const TICK_MS = 5;
/** How long a caller waits after a refusal. */
const PAUSE_MS = 100;
const AT_ONCE = 16;

/** Connects to the gRPC side of the service. */
export async function openCaller({ grpc }: { readonly grpc: string }): Promise<Caller> {
  const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => openHttp2(grpc)));
  let next = 0;

  /** Makes one call, on the next connection. Resolves with whether it succeeded. */
  async function call(into: Measured): Promise<boolean> {
    next = (next + 1) % CONNECTIONS;
    const begun = performance.now();
    const status = await sendGrpc(sessions[next] as ClientHttp2Session, METHOD, new Uint8Array());
    if (status === 0) into.admitted.push(performance.now() - begun);
    else if (status === UNAVAILABLE) into.shed += 1;
    else into.failed += 1;
    return status === 0;
  }

  return {
    async closed(callers, ms) {
      const measured = nothing();
      const until = performance.now() + ms;
      const work = async (): Promise<void> => {
        while (performance.now() < until) if (!(await call(measured))) await sleep(PAUSE_MS);
      };
      await Promise.all(Array.from({ length: callers }, work));
      return measured;
    },
    async open(perSecond, onsetMs, ms) {
      const [onset, load] = [nothing(), nothing()];
      const begun = performance.now();
      const calls: Promise<boolean>[] = [];
      for (let elapsed = 0; elapsed < onsetMs + ms; elapsed = performance.now() - begun) {
        while (calls.length < (elapsed / 1_000) * perSecond)
          calls.push(call(elapsed < onsetMs ? onset : load));
        await sleep(TICK_MS);
      }
      await Promise.all(calls);
      return { onset, load };
    },
    async recovery(withinMs) {
      const begun = performance.now();
      for (;;) {
        const measured = nothing();
        await Promise.all(Array.from({ length: AT_ONCE }, () => call(measured)));
        const isWell = measured.admitted.length === AT_ONCE && Math.max(...measured.admitted) <= withinMs;
        if (isWell || performance.now() - begun > 60_000) return performance.now() - begun;
      }
    },
  };
}

function nothing(): Measured {
  return { admitted: [], shed: 0, failed: 0 };
}

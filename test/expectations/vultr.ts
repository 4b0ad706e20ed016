import { setTimeout as sleep } from 'node:timers/promises';
import { client } from '../sandbox/client.ts';
import type { Vultr } from './expectation.ts';

/** Below the 30 requests a second that Vultr allows. */
const PAUSE_MS = 50;

/** How often the real one is asked while something is awaited, and for how long. */
const POLL_MS = 3_000;
const PATIENCE_MS = 15 * 60_000;

/** How far the time of the sandbox is moved instead. */
const STEP_MS = 5_000;

/**
 * Connects to a Vultr, and finds out whether it is a sandbox, whose time can be moved.
 * @param pauseMs what lies between two requests. Default: enough for the limit of the real one
 */
export async function connectVultr(url: string, key: string, pauseMs = PAUSE_MS): Promise<Vultr> {
  const ask = client({ url }, false, key);
  const isSandbox = (await ask('GET /_sandbox/state', { key: null })).status === 200;
  let next = Promise.resolve();

  const send: Vultr['send'] = (line, options) => {
    const sent = next.then(() => ask(line, options));
    next = sent.then(
      () => sleep(pauseMs),
      () => sleep(pauseMs),
    );
    return sent;
  };

  async function pass(): Promise<void> {
    if (isSandbox) await ask('POST /_sandbox/advance', { key: null, body: { ms: STEP_MS } });
    else await sleep(POLL_MS);
  }

  return {
    send,
    until: async (line, holds) => {
      const rounds = isSandbox ? 200 : PATIENCE_MS / POLL_MS;
      for (let round = 0; round < rounds; round += 1) {
        const reply = await send(line);
        if (holds(reply)) return reply;
        await pass();
      }
      throw new Error(`${line} did not come to what was awaited.`);
    },
  };
}

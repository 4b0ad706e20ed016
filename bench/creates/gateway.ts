import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The service as a process of its own, which can be killed and comes back on another port. */
export interface Gateway {
  /** The base URL of its HTTP side; undefined while there is none. */
  url(): string | undefined;
  /** Kills it (SIGKILL) and starts it again. Resolves when the new one is ready. */
  replace(): Promise<void>;
  stop(): Promise<void>;
}

const CLI = new URL('../../bin/vultr-grpc.js', import.meta.url).pathname;

/**
 * Starts it and waits until it is ready.
 * @param flags of `vultr-grpc serve`, but for its addresses
 * @param env variables beside those of this process
 */
export async function startGateway(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<Gateway> {
  let running: ChildProcess | undefined;
  let url: string | undefined;

  async function start(): Promise<void> {
    const args = [CLI, 'serve', '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', ...flags];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, found] = /HTTP (http:\S+),/.exec(line) ?? [];
      if (found === undefined) continue;
      url = found;
      child.stdout.resume();
      return;
    }
    throw new Error('The service ended before it was ready.');
  }

  async function stop(): Promise<void> {
    const child = running;
    url = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  await start();
  return {
    url: () => url,
    stop,
    replace: async () => {
      await stop();
      await start();
    },
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Readings } from './monitor.ts';

/** The service in a process of its own, with a small heap and something that watches it. */
export interface WatchedService {
  readonly process: ChildProcess;
  readonly grpc: string;
  readonly http: string;
  /** What it was like since it was last asked. Rejects when the process is gone. */
  read(): Promise<Readings>;
  stop(): Promise<void>;
}

/** How it is started. */
export interface ServiceOptions {
  readonly upstream: string;
  readonly flags?: readonly string[];
  /** Where its log goes: a descriptor, or `ignore`. Default: `ignore`. */
  readonly log?: 'ignore' | 'pipe' | number;
}

/** The heap under which nothing may end the process. */
export const HEAP_MB = 256;

/** The key that callers use; calls that bring none use it, too. */
export const KEY = 'HOSTILE-BENCH-KEY-0123456789ABCDEF';

const CLI = fileURLToPath(new URL('../../bin/vultr-grpc.js', import.meta.url));
const MONITOR = new URL('./monitor.ts', import.meta.url).href;

/** Starts the service and waits until it is ready. */
export async function startWatched({
  upstream,
  flags = [],
  log = 'ignore',
}: ServiceOptions): Promise<WatchedService> {
  const node = [`--max-old-space-size=${HEAP_MB}`, '--import', MONITOR];
  const free = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', '--rate', 'off'];
  const args = [...node, CLI, 'serve', '--upstream', upstream, ...free, ...flags];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, VULTR_API_KEY: KEY, STATE_DIR: 'memory' },
    stdio: ['ignore', 'pipe', log, 'ipc'],
  });
  const { stdout } = child;
  if (stdout === null) throw new Error('The service has no standard output.');
  for await (const line of createInterface({ input: stdout })) {
    const [, grpc, http] = /ready: gRPC (\S+), HTTP http:\/\/(\S+),/.exec(line) ?? [];
    if (grpc === undefined || http === undefined) continue;
    stdout.resume();
    return { process: child, grpc, http, read: () => read(child), stop: () => stop(child) };
  }
  throw new Error('The service ended before it was ready.');
}

/** Whether a process has ended. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function read(child: ChildProcess): Promise<Readings> {
  if (hasEnded(child)) throw new Error(`The service has ended (${child.exitCode ?? child.signalCode}).`);
  const reply = once(child, 'message', { signal: AbortSignal.timeout(30_000) });
  child.send({});
  const [readings] = (await reply) as [Readings];
  return readings;
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

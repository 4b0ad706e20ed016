import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isPinned, pin } from './pin.ts';

/** What a process of the bench says when it is ready: where its two sides are. */
const READY = /gRPC ([\d.]+:\d+), HTTP (?:https?:\/\/)?([\d.]+:\d+)/;

/** A process that is measured, or that is asked by one. */
export interface Target {
  readonly name: string;
  /** `host:port` */
  readonly grpc: string;
  /** `host:port` */
  readonly http: string;
  /** How long it took from the start of the process to its ready line. */
  readonly startMs: number;
  /** CPU time so far, of all threads, in microseconds. */
  cpuMicros(): number;
  /** Resident memory, in bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

/** What is started. */
export interface Command {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its log goes; default: this process's standard error. */
  readonly logFile?: string;
  /** The core that it stays on. */
  readonly core: number;
}

/** Starts a process and waits until it is ready. */
export async function start({ name, command, args, env, logFile, core }: Command): Promise<Target> {
  const startedAt = performance.now();
  const log = logFile === undefined ? 2 : openSync(logFile, 'a');
  const [program = command, ...rest] = pin(core, [command, ...args]);
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', log], env: { ...process.env, ...env } });
  if (child.stdout === null) throw new Error(`${name} has no output.`);
  if (logFile !== undefined) closeSync(log);
  const lines = createInterface(child.stdout);
  for await (const line of lines) {
    const [, grpc, http] = READY.exec(line) ?? [];
    if (grpc === undefined || http === undefined) continue;
    const startMs = performance.now() - startedAt;
    child.stdout.resume();
    return { name, grpc, http, startMs, ...measures(child), stop: () => stop(child) };
  }
  throw new Error(`${name} ended before it was ready (${isPinned ? 'pinned' : 'not pinned'}).`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Where there is no /proc, CPU time and memory are NaN, and only the rates are left. */
function measures({ pid = 0 }: ChildProcess): Pick<Target, 'cpuMicros' | 'residentBytes'> {
  return {
    cpuMicros: () => {
      try {
        const tasks = readdirSync(`/proc/${pid}/task`);
        const nanos = tasks.map((task) =>
          Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
        );
        return nanos.reduce((sum, one) => sum + one, 0) / 1_000;
      } catch {
        return Number.NaN;
      }
    },
    residentBytes: () => {
      try {
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
      } catch {
        return Number.NaN;
      }
    },
  };
}

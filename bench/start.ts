/**
 * How long the service takes to start and what it holds then: `node bench/start.ts [runs]`. Prints a table.
 *
 * `process to ready` is from the start of a new process, on its sandbox, to the line that says so. Run it on an idle machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { loadContract } from '../src/contract/load.ts';
import { createRouter } from '../src/transcoding/router.ts';

/** What one start of a process was like. */
interface Start {
  readonly ms: number;
  readonly residentBytes: number;
}

const CLI = fileURLToPath(new URL('../bin/vultr-grpc.js', import.meta.url));
const FLAGS = [
  'serve',
  '--upstream',
  'sandbox',
  '--log-level',
  'warn',
  '--grpc',
  '127.0.0.1:0',
  '--http',
  '127.0.0.1:0',
];

const runs = Number(process.argv[2] ?? 5);
if (!Number.isInteger(runs) || runs < 1 || runs > 100)
  throw new RangeError('The number of runs must be from 1 to 100.');

const bytes = readFileSync(new URL('../src/gen/contract.binpb', import.meta.url));
const loadedAt = performance.now();
const contract = loadContract(bytes);
const firstLoadMs = performance.now() - loadedAt;
const operations = [...contract.operations.values()];
const routes = operations.flatMap((target) => target.bindings.map((binding) => ({ binding, target })));
const starts: Start[] = [];
for (let run = 0; run < runs; run += 1) starts.push(await start());

const rows: readonly (readonly [string, string])[] = [
  ['operations', String(operations.length)],
  ['of these vultr.v2', String(operations.filter(({ service }) => service.startsWith('vultr.v2.')).length)],
  ['descriptor set', `${(bytes.length / 1024).toFixed(0)} KB`],
  ['load the contract, first', milliseconds(firstLoadMs)],
  ['load the contract, again', milliseconds(time(() => loadContract(bytes)))],
  ['build the router', milliseconds(time(() => createRouter(routes)))],
  ['process to ready, median', milliseconds(median(starts.map(({ ms }) => ms)))],
  ['process to ready, worst', milliseconds(Math.max(...starts.map(({ ms }) => ms)))],
  [
    'resident memory, median',
    `${(median(starts.map(({ residentBytes }) => residentBytes)) / 2 ** 20).toFixed(0)} MB`,
  ],
];
for (const [name, value] of rows) process.stdout.write(`${name.padEnd(26)} ${value.padStart(10)}\n`);

/** Starts the service in a process of its own, on its sandbox, and ends it as soon as it is ready. */
async function start(): Promise<Start> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [CLI, ...FLAGS], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(createInterface(child.stdout), 'line', {
      signal: AbortSignal.timeout(30_000),
    })) as [string];
    if (!line.startsWith('vultr-grpc ready')) throw new Error(`The service said ${line}`);
    return { ms: performance.now() - startedAt, residentBytes: residentBytes(child.pid ?? 0) };
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** What a process holds in memory (proc_pid_status(5)); NaN where there is no /proc. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } catch {
    // Only Linux has it; the times are worth having elsewhere, too.
    return Number.NaN;
  }
}

/** The median time of several runs, in milliseconds. */
function time(work: () => unknown): number {
  const times = Array.from({ length: runs }, () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  });
  return median(times);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}

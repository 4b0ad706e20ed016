/**
 * How long the service takes to start and what it holds then: `node bench/start.ts [runs]`. Prints a table.
 *
 * `to ready` is from the start of a new process to the line that says so: of the built package and of the sources, without the
 * sandbox, and of the package with it. Run it on an idle machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadContract } from '../src/contract/load.ts';
import { createRouter } from '../src/transcoding/router.ts';
import { installPackage } from './speed/package.ts';

/** What one start of a process was like. */
interface Start {
  readonly ms: number;
  readonly residentBytes: number;
}

const FLAGS = ['serve', '--log-level', 'warn', '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];

/** Nobody is there: the service connects when it is first asked. */
const NOBODY = 'http://127.0.0.1:9';

/** Memory is looked at once what the start has left behind could be collected. */
const SETTLE_MS = 500;

const runs = Number(process.argv[2] ?? 5);
if (!Number.isInteger(runs) || runs < 1 || runs > 100)
  throw new RangeError('The number of runs must be from 1 to 100.');

const bytes = readFileSync(new URL('../src/gen/contract.binpb', import.meta.url));
const loadedAt = performance.now();
const contract = loadContract(bytes);
const firstLoadMs = performance.now() - loadedAt;
const operations = [...contract.operations.values()];
const routes = operations.flatMap((target) => target.bindings.map((binding) => ({ binding, target })));
const folder = mkdtempSync(join(tmpdir(), 'vultr-grpc-start-'));
const checkout = fileURLToPath(new URL('..', import.meta.url));
const built = installPackage(checkout, join(folder, 'package'));
const kinds = [
  { name: 'built package', root: built, upstream: NOBODY, starts: [] as Start[] },
  { name: 'sources', root: checkout, upstream: NOBODY, starts: [] as Start[] },
  { name: 'package on its sandbox', root: built, upstream: 'sandbox', starts: [] as Start[] },
];
try {
  for (let run = 0; run < runs; run += 1)
    for (const { root, upstream, starts } of kinds) starts.push(await start(root, upstream));
} finally {
  rmSync(folder, { recursive: true });
}

const rows: readonly (readonly [string, string])[] = [
  ['operations', String(operations.length)],
  ['of these vultr.v2', String(operations.filter(({ service }) => service.startsWith('vultr.v2.')).length)],
  ['descriptor set', `${(bytes.length / 1024).toFixed(0)} KB`],
  ['load the contract, first', milliseconds(firstLoadMs)],
  ['load the contract, again', milliseconds(time(() => loadContract(bytes)))],
  ['build the router', milliseconds(time(() => createRouter(routes)))],
  ...kinds.flatMap(({ name, starts }): (readonly [string, string])[] => [
    [`${name} to ready, median`, milliseconds(median(starts.map(({ ms }) => ms)))],
    [`${name} to ready, worst`, milliseconds(Math.max(...starts.map(({ ms }) => ms)))],
    [`${name}, resident`, `${(median(starts.map((one) => one.residentBytes)) / 2 ** 20).toFixed(0)} MB`],
  ]),
];
for (const [name, value] of rows) process.stdout.write(`${name.padEnd(40)} ${value.padStart(10)}\n`);

/** Starts the service in a process of its own, and ends it soon after it is ready. */
async function start(root: string, upstream: string): Promise<Start> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(root, 'bin/vultr-grpc.js'), ...FLAGS, '--upstream', upstream], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STATE_DIR: join(folder, 'state') },
  });
  try {
    const [line] = (await once(createInterface(child.stdout), 'line', {
      signal: AbortSignal.timeout(30_000),
    })) as [string];
    if (!line.startsWith('vultr-grpc ready')) throw new Error(`The service said ${line}`);
    const ms = performance.now() - startedAt;
    await delay(SETTLE_MS);
    return { ms, residentBytes: residentBytes(child.pid ?? 0) };
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

/**
 * Vultr down for ten minutes, time sped up ten times: `node bench/outage.ts [--seconds 60]`. The service runs on a sandbox
 * that goes away and comes back, while callers ask for the catalogue and for instances. Prints how many catalogue calls
 * were answered, how fast reads failed, what piled up, and how long the recovery took.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startApp } from '../src/app/app.ts';
import { readServeConfig } from '../src/config/read.ts';
import { startSandbox } from '../src/sandbox/index.ts';
import { createLogger } from '../src/telemetry/log.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const outageMs = Number(values.seconds) * 1_000;

/** Callers of each kind, each with a pause between two calls. */
const CALLERS = 10;
const PAUSE_MS = 50;

interface Tally {
  calls: number;
  answered: number;
  readonly ms: number[];
}

const sandbox = await startSandbox({ rateLimitPerSecond: 0 });
const { port } = new URL(sandbox.url);
// Fresh for 5 minutes and kept for a day, ten times as fast.
const flags = [
  '--upstream',
  sandbox.url,
  '--cache-fresh',
  '30s',
  '--cache-keep',
  '144m',
  '--state-dir',
  'memory',
];
const app = await startApp(
  readServeConfig([...flags, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'], {}),
  createLogger({ level: 'silent', format: 'json' }),
);
const base = `http://${app.httpAddress}`;
await ask('/v2/plans');

let isOver = false;
const catalogue: Tally = { calls: 0, answered: 0, ms: [] };
const reads: Tally = { calls: 0, answered: 0, ms: [] };
const rssBefore = process.memoryUsage.rss();
await sandbox.close();
const callers = Array.from({ length: CALLERS }, () => [
  keepAsking('/v2/plans', catalogue),
  keepAsking('/v2/instances', reads),
]).flat();
let mostWaiting = 0;
for (const end = performance.now() + outageMs; performance.now() < end; await sleep(200)) {
  mostWaiting = Math.max(mostWaiting, await gauge('vultr_budget_waiting'));
}
isOver = true;
await Promise.all(callers);
const rssAfter = process.memoryUsage.rss();

const backAt = performance.now();
const again = await startSandbox({ listen: `127.0.0.1:${port}`, rateLimitPerSecond: 0 });
while (!(await ask('/v2/instances'))) await sleep(20);
const recoveryMs = performance.now() - backAt;

print('outage', `${outageMs / 1_000} s, as ${outageMs / 6_000} minutes`);
print('catalogue calls answered', `${percent(catalogue)} of ${catalogue.calls}`);
print('reads refused', `${reads.calls - reads.answered} of ${reads.calls}`);
print(
  'time of a refused read',
  `median ${quantile(reads.ms, 0.5)} ms, 99 % within ${quantile(reads.ms, 0.99)} ms`,
);
print('requests waiting at most', String(mostWaiting));
print('memory', `${mb(rssBefore)} before, ${mb(rssAfter)} after`);
print('first read answered after the return', `${Math.round(recoveryMs)} ms`);
await app.close();
await again.close();

async function keepAsking(path: string, tally: Tally): Promise<void> {
  while (!isOver) {
    const startedAt = performance.now();
    if (await ask(path)) tally.answered += 1;
    tally.calls += 1;
    tally.ms.push(performance.now() - startedAt);
    await sleep(PAUSE_MS);
  }
}

/** Whether a call was answered well. */
async function ask(path: string): Promise<boolean> {
  const response = await fetch(base + path, { headers: { authorization: 'Bearer k' } });
  await response.arrayBuffer();
  return response.ok;
}

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${base}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

function percent({ answered, calls }: Tally): string {
  return `${((100 * answered) / calls).toFixed(2)} %`;
}

function quantile(list: readonly number[], part: number): string {
  const sorted = [...list].sort((left, right) => left - right);
  return (sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN).toFixed(1);
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

function print(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(40)} ${value}\n`);
}

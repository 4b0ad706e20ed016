/**
 * What a call costs: the service with everything on, beside the same with the stages off, beside undici and node:http with
 * nothing between them. Prints calls a second, CPU time a call and memory, and the ratios to the bare one. All in one run,
 * in turns, because only ratios of one run mean anything on a shared machine.
 *
 *     node bench/cost.ts [--calls 4000] [--rounds 3]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '4000' }, rounds: { type: 'string', default: '3' } },
});
const calls = Number(values.calls);
const rounds = Number(values.rounds);

/** Callers at a time. */
const CONCURRENCY = 16;

/** What is asked: a read that is another one every time, and one that the catalogue cache may answer. */
const PATHS: Readonly<Record<string, (count: number) => string>> = {
  uncached: (count) => `/v2/instances?label=${count}`,
  cached: () => '/v2/plans?per_page=100',
};

interface Target {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
}

interface Usage {
  readonly cpuMicros: number;
  readonly rssBytes: number;
}

interface Sum {
  calls: number;
  seconds: number;
  cpuMicros: number;
  rssBytes: number;
}

const upstream = await start('upstream');
const targets = [await start('bare'), await start('off'), await start('on')];
const sums = new Map<string, Sum>();

for (const target of targets) for (const path of Object.values(PATHS)) await load(target, path, calls / 4);
for (let round = 0; round < rounds; round += 1) {
  for (const [kind, path] of Object.entries(PATHS))
    for (const target of targets) await measure(kind, path, target);
}

for (const kind of Object.keys(PATHS)) {
  const bare = perCall(`${kind} bare`);
  for (const { name } of targets) {
    const { perSecond, cpuMicros, rssMb } = perCall(`${kind} ${name}`);
    process.stdout.write(
      `${`${kind}, ${name}`.padEnd(16)} ${perSecond.toFixed(0).padStart(6)} calls/s (${(perSecond / bare.perSecond).toFixed(2)} of bare)  ` +
        `${cpuMicros.toFixed(0).padStart(5)} us CPU a call (${(cpuMicros / bare.cpuMicros).toFixed(2)} x bare)  ${rssMb.toFixed(0)} MB\n`,
    );
  }
}
for (const { child } of [...targets, upstream]) child.kill();

async function start(name: string): Promise<Target> {
  const child = fork(new URL('./cost/target.ts', import.meta.url), [
    name,
    name === 'upstream' ? '' : upstream.url,
  ]);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { name, url, child };
}

async function usage({ child }: Target): Promise<Usage> {
  child.send('usage');
  const [answer] = (await once(child, 'message')) as [Usage];
  return answer;
}

async function measure(kind: string, path: (count: number) => string, target: Target): Promise<void> {
  const before = await usage(target);
  const startedAt = performance.now();
  await load(target, path, calls);
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await usage(target);
  const sum = sums.get(`${kind} ${target.name}`) ?? { calls: 0, seconds: 0, cpuMicros: 0, rssBytes: 0 };
  sum.calls += calls;
  sum.seconds += seconds;
  sum.cpuMicros += after.cpuMicros - before.cpuMicros;
  sum.rssBytes = after.rssBytes;
  sums.set(`${kind} ${target.name}`, sum);
}

async function load({ url }: Target, path: (count: number) => string, count: number): Promise<void> {
  const pool = new Pool(url, { connections: CONCURRENCY });
  let left = count;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path: path(left),
        headers: { authorization: 'Bearer k' },
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${path(left)} of ${url} answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  await pool.close();
}

function perCall(key: string): { perSecond: number; cpuMicros: number; rssMb: number } {
  const sum = sums.get(key);
  if (sum === undefined) throw new Error(`nothing was measured for ${key}`);
  return {
    perSecond: sum.calls / sum.seconds,
    cpuMicros: sum.cpuMicros / sum.calls,
    rssMb: sum.rssBytes / 2 ** 20,
  };
}

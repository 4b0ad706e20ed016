/**
 * What traces cost: a cached call over gRPC and one over HTTP, with tracing off, with it on at 10 % and at 100 % of the traces, and,
 * with --baseline, in another checkout. A collector that takes everything runs on the core of the load. Everything is measured in
 * turns, ratios are made within a round, and all of it is repeated with new processes: two processes of the same code differ by
 * more than what is looked for, so that one pair of them shows nothing. "Off again" is the measure of what is left of that.
 * Prints how much more CPU time and how much less rate each has than tracing off.
 *
 *     node bench/tracing.ts [--baseline CHECKOUT] [--starts 4] [--rounds 12] [--seconds 0.5]
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { compare, type Plan, type Result } from './speed/compare.ts';
import { type Spread, spread } from './speed/measure.ts';
import { pinSelf } from './speed/pin.ts';
import type { Target } from './speed/process.ts';
import { ROWS, type Row } from './speed/rows.ts';
import { CORES, openTargets, type Targets } from './speed/targets.ts';

const { values } = parseArgs({
  options: {
    baseline: { type: 'string' },
    starts: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '0.5' },
  },
});
const plan: Plan = {
  // An export takes thousands of calls, and is compiled later than they are: after 15 seconds traces seem dearer than they are.
  warmMs: 40_000,
  rounds: Number(values.rounds),
  roundMs: 1_000 * Number(values.seconds),
  concurrency: 32,
};
const rows = (['grpc', 'http'] as const).map(cachedRow);

pinSelf(CORES.load);
const collector = createServer((request, response) => {
  request.resume().on('end', () => response.end());
});
collector.listen(0, '127.0.0.1');
await once(collector, 'listening');
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
try {
  const results: Result[] = [];
  for (let count = 0; count < Number(values.starts); count += 1) results.push(...(await measureOnce()));
  for (const { name } of rows) print(results.filter(({ row }) => row === name));
} finally {
  collector.closeAllConnections();
  collector.close();
}

function cachedRow(protocol: 'grpc' | 'http'): Row {
  const row = ROWS.find(({ subject, question }) => subject === 'default' && question.protocol === protocol);
  if (row === undefined) throw new Error(`No line of the table is a cached call over ${protocol}.`);
  return row;
}

/** Every line once, with processes of its own. */
async function measureOnce(): Promise<Result[]> {
  const targets = await openTargets();
  try {
    const sides = await openSides(targets);
    const results: Result[] = [];
    for (const row of rows) results.push(await compare(row, sides, plan));
    return results;
  } finally {
    await targets.close();
  }
}

async function openSides(targets: Targets): Promise<Target[]> {
  const sides = [await targets.service('default')];
  const add = async (
    name: string,
    checkout?: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<void> => {
    sides.push({ ...(await targets.service('default', checkout, env)), name });
  };
  await add('off again');
  if (values.baseline !== undefined) await add('the baseline', values.baseline);
  for (const ratio of ['0.1', '1'])
    await add(`on at ${Number(ratio) * 100} %`, undefined, {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ratio,
    });
  return sides;
}

/** @param results of one line, one for each start */
function print(results: readonly Result[]): void {
  const [first] = results;
  const off = spread(results.map(({ sides: [side] }) => side?.cpuMicros.median ?? Number.NaN));
  process.stdout.write(`${first?.row}: off ${off.median.toFixed(1)} us of CPU a call\n`);
  for (const [index, { to }] of first?.ratios.entries() ?? []) {
    const of = (what: 'cpu' | 'rate'): string =>
      more(spread(results.map(({ ratios }) => ratios[index]?.[what].median ?? Number.NaN)));
    process.stdout.write(`  ${to}: CPU ${of('cpu')}, time ${of('rate')}\n`);
  }
}

function more({ median, low, high }: Spread): string {
  const percent = (value: number): string => `${(100 * (value - 1)).toFixed(1)} %`;
  return `${percent(median)} (middle half ${percent(low)} to ${percent(high)})`;
}

/**
 * What traces cost: a cached call over gRPC and one over HTTP, with tracing off, with it on at 10 % and at 100 % of the traces, and,
 * with --baseline, in another checkout. A collector that takes everything runs on the core of the load. Everything is measured in
 * turns; ratios are made within a round. Prints how much more CPU time and how much less rate each has than tracing off.
 *
 *     node bench/tracing.ts [--baseline CHECKOUT] [--rounds 15] [--seconds 1]
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { compare, type Result } from './speed/compare.ts';
import { pinSelf } from './speed/pin.ts';
import type { Target } from './speed/process.ts';
import { ROWS } from './speed/rows.ts';
import { CORES, openTargets } from './speed/targets.ts';

const { values } = parseArgs({
  options: {
    baseline: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '1' },
  },
});
const plan = { rounds: Number(values.rounds), roundMs: 1_000 * Number(values.seconds), concurrency: 32 };
/** One export takes more than 5000 calls at 10 %, and the first ones take five times as long as the others. */
const warmUp = { ...plan, rounds: 1, roundMs: 4_000 };
const rows = ROWS.filter(({ subject, isAlone }) => subject === 'default' && isAlone !== true);

pinSelf(CORES.load);
const collector = createServer((request, response) => {
  request.resume().on('end', () => response.end());
});
collector.listen(0, '127.0.0.1');
await once(collector, 'listening');
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const targets = await openTargets();
try {
  const off = await targets.service('default');
  const others: Target[] = [];
  if (values.baseline !== undefined)
    others.push(named('the baseline', await targets.service('default', values.baseline)));
  for (const ratio of ['0.1', '1']) {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ratio,
    };
    others.push(named(`on at ${Number(ratio) * 100} %`, await targets.service('default', undefined, env)));
  }
  for (const row of rows) {
    await compare(row, [off, ...others], warmUp);
    print(await compare(row, [off, ...others], plan));
  }
} finally {
  await targets.close();
  collector.closeAllConnections();
  collector.close();
}

function named(name: string, target: Target): Target {
  return { ...target, name };
}

function print({ row, sides, ratios }: Result): void {
  const [off] = sides;
  process.stdout.write(
    `${row}: off ${off?.cpuMicros.median.toFixed(1)} us of CPU a call, ${off?.residentMb.toFixed(0)} MB\n`,
  );
  for (const { to, cpu, rate } of ratios) {
    const percent = (value: number): string => `${(100 * (value - 1)).toFixed(1)} %`;
    process.stdout.write(
      `  ${to}: CPU ${percent(cpu.median)} (middle half ${percent(cpu.low)} to ${percent(cpu.high)}), time ${percent(rate.median)} (${percent(rate.low)} to ${percent(rate.high)})\n`,
    );
  }
}

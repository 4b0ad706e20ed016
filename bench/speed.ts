/**
 * How quick the service is beside the bare transports: starts everything that it compares by itself, each on its own core
 * where there is taskset, and prints one table. `bench/README.md` says how to read it.
 *
 *     node bench/speed.ts [--quick] [--json FILE] [--only TEXT] [--baseline CHECKOUT] [--rounds 5] [--seconds 1.5]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, type Plan, type Result } from './speed/compare.ts';
import { type Growth, measureGrowth } from './speed/growth.ts';
import { pinSelf } from './speed/pin.ts';
import type { Target } from './speed/process.ts';
import { formatGrowth, formatMachine, formatResults, formatStart, machine } from './speed/report.ts';
import { isService, type PeerName, ROWS, type ServiceName } from './speed/rows.ts';
import { measureStart } from './speed/start.ts';
import { CORES, openTargets, type Targets } from './speed/targets.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
    baseline: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const plan: Plan = {
  warmMs: values.quick ? 3_000 : 12_000,
  rounds: Number(values.rounds ?? (values.quick ? 3 : 5)),
  roundMs: 1_000 * Number(values.seconds ?? (values.quick ? 0.4 : 1.5)),
  concurrency: 32,
};
const rows = ROWS.filter(({ name }) => name.includes(values.only));
const isWhole = values.only === '';

pinSelf(CORES.load);
const targets = await openTargets();
try {
  process.stdout.write(formatMachine(machine(), plan));
  const start = isWhole ? await measureStart(targets, values.quick ? 2 : 5, values.baseline) : undefined;
  if (start !== undefined) process.stdout.write(formatStart(start));
  const results = await compareRows(targets);
  process.stdout.write(`\n${formatResults(results)}\n`);
  const growth: readonly Growth[] = isWhole && !values.quick ? await measureGrowth(targets) : [];
  process.stdout.write(formatGrowth(growth));
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine: machine(), plan, start, results, growth }, null, 2)}\n`,
    );
  }
} finally {
  await targets.close();
}

async function compareRows(from: Targets): Promise<readonly Result[]> {
  const started = new Map<string, Target | undefined>();
  const results: Result[] = [];
  for (const row of rows) {
    const sides = [await running(row.subject), await running(row.peer)];
    if (values.baseline !== undefined && isService(row.subject))
      sides.push(await before(row.subject, values.baseline));
    const present = sides.filter((side) => side !== undefined);
    try {
      if (present.length > 1) results.push(await compare(row, present, plan));
    } catch (error) {
      process.stderr.write(`${row.name} could not be measured: ${String(error)}\n`);
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return results;

  async function running(name: ServiceName | PeerName): Promise<Target | undefined> {
    return await once(name, () => (isService(name) ? from.service(name) : from.peer(name)));
  }

  async function before(name: ServiceName, checkout: string): Promise<Target | undefined> {
    return await once(`${name} before`, () => from.service(name, checkout));
  }

  async function once(name: string, make: () => Promise<Target | undefined>): Promise<Target | undefined> {
    if (!started.has(name)) {
      const target = await make();
      started.set(name, target === undefined ? undefined : { ...target, name });
    }
    return started.get(name);
  }
}

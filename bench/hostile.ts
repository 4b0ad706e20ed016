/**
 * Hostile inputs and crowds against the service, in a process of its own with a heap of 256 MB, over both transports:
 * `node bench/hostile.ts [part of a name]`. Prints what each did before there were bounds, the bound, and what it does now; exit
 * code 1 when a bound is broken. Turns of the event loop are measured in processor time, so that it does not matter what else
 * the machine does. The waits of probes are shown, and count when the machine is not busy with other things.
 */
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ATTACKS, type Attack } from './hostile/attacks.ts';
import { KINDS, MAX_BLOCKED_MS, measureKind } from './hostile/blocking.ts';
import { TRIALS } from './hostile/endings.ts';
import { startProber } from './hostile/prober.ts';
import { startWatched } from './hostile/service.ts';
import { startCannedVultr } from './hostile/upstream.ts';

/** The longest wait of a probe for the health of the service, whatever goes on. */
const MAX_PROBE_MS = 5_000;
/** On a machine that is busy otherwise, probes wait for the processor, which tells nothing of the service. */
const isBusy = (): boolean => (loadavg()[0] ?? 0) > 2 * availableParallelism();
/** The longest turn of the event loop while thousands of inputs arrive at once. */
const MAX_CROWD_MS = 500;

const wanted = process.argv[2] ?? '';
const isWanted = ({ name }: { readonly name: string }): boolean => name.includes(wanted);
let broken = 0;

function report(name: string, before: string, bound: string, measured: string, isKept: boolean): void {
  if (!isKept) broken += 1;
  const cells = [name.padEnd(78), before.padEnd(28), bound.padEnd(30), measured.padEnd(34)];
  process.stdout.write(`${cells.join(' ')} ${isKept ? 'ok' : 'BROKEN'}\n`);
}

async function runKinds(): Promise<void> {
  const kinds = KINDS.filter(isWanted);
  if (kinds.length === 0) return;
  const vultr = await startCannedVultr();
  const service = await startWatched({ upstream: vultr.url });
  for (const kind of kinds) {
    const ms = await measureKind({ service, vultr }, kind).catch(() => Number.POSITIVE_INFINITY);
    report(kind.name, kind.before ?? '', `${MAX_BLOCKED_MS} ms`, `${ms} ms`, ms <= MAX_BLOCKED_MS);
  }
  await service.stop();
  await vultr.close();
}

async function runAttack({ name, before, maxGrowthMb, run }: Attack): Promise<void> {
  const vultr = await startCannedVultr();
  const service = await startWatched({ upstream: vultr.url });
  const prober = startProber(service);
  try {
    await sleep(300);
    const { peakMb } = await service.read();
    await prober.read();
    await run({ service, vultr });
    const after = await service.read();
    const { slowestMs, failed } = await prober.read();
    const growth = after.peakMb - peakMb;
    const isProbed = isBusy() || (slowestMs <= MAX_PROBE_MS && failed === 0);
    const isKept = growth <= maxGrowthMb && after.blockedMs <= MAX_CROWD_MS && isProbed;
    report(
      name,
      before,
      `+${maxGrowthMb} MB, ${MAX_CROWD_MS} ms, probe ${MAX_PROBE_MS / 1000} s`,
      `+${growth} MB, ${after.blockedMs} ms, probe ${(slowestMs / 1000).toFixed(1)} s, ${failed} failed`,
      isKept,
    );
  } catch (error) {
    report(name, before, 'alive', error instanceof Error ? error.message : String(error), false);
  } finally {
    await prober.stop();
    await service.stop();
    await vultr.close();
  }
}

process.stdout.write(
  `${'what'.padEnd(78)} ${'before'.padEnd(28)} ${'bound'.padEnd(30)} ${'now'.padEnd(34)} verdict\n`,
);
for (const attack of ATTACKS.filter(isWanted)) await runAttack(attack);
const vultr = await startCannedVultr();
for (const { name, before, unit, max, run } of TRIALS.filter(isWanted)) {
  const value = await run(vultr).catch(() => Number.POSITIVE_INFINITY);
  report(name, before, `${max} ${unit}`, `${value} ${unit}`, value <= max);
}
await vultr.close();
await runKinds();
process.stdout.write(broken === 0 ? 'All bounds are kept.\n' : `${broken} bounds are broken.\n`);
// Sockets of attacks are still open.
process.exit(broken === 0 ? 0 : 1);

/**
 * Hostile inputs and crowds against the service, in a process of its own with a heap of 256 MB, over both transports:
 * `node bench/hostile.ts [part of a name]`. Prints what each did before there were bounds, the bound, and what it does now; exit
 * code 1 when a bound is broken. Turns of the event loop and the waits of probes are measured in processor time of the service,
 * so that it does not matter what else the machine does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ATTACKS, type Attack } from './hostile/attacks.ts';
import { KINDS, MAX_BLOCKED_MS, measureKind } from './hostile/blocking.ts';
import { TRIALS } from './hostile/endings.ts';
import { startProber } from './hostile/prober.ts';
import { startWatched } from './hostile/service.ts';
import { startCannedVultr } from './hostile/upstream.ts';

/**
 * How long the service may hold up a probe for its health, in milliseconds of its processor time: the time that Kubernetes gives
 * a probe by default.
 */
const MAX_PROBE_MS = 1_000;

const wanted = process.argv[2] ?? '';
const isWanted = ({ name }: { readonly name: string }): boolean => name.includes(wanted);
let broken = 0;

function report(
  name: string,
  before: string,
  bound: string,
  measured: string,
  isKept: boolean,
  remark = '',
): void {
  if (!isKept) broken += 1;
  const cells = [name.padEnd(78), before.padEnd(28), bound.padEnd(32), measured.padEnd(38)];
  const verdict = isKept ? 'ok' : 'BROKEN';
  process.stdout.write(`${cells.join(' ')} ${verdict}${remark === '' ? '' : ` (${remark})`}\n`);
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

async function runAttack({ name, before, maxGrowthMb, longTurns, run }: Attack): Promise<void> {
  const vultr = await startCannedVultr();
  const service = await startWatched({ upstream: vultr.url });
  const prober = startProber(service);
  const maxMs = longTurns?.maxMs ?? MAX_BLOCKED_MS;
  const maxProbeMs = longTurns?.maxProbeMs ?? MAX_PROBE_MS;
  try {
    await sleep(300);
    const { peakMb } = await service.read();
    await prober.read();
    await run({ service, vultr });
    const { peakMb: heightMb, blockedMs } = await service.read();
    const { slowestMs, heldUpMs, failed } = await prober.read();
    const growthMb = heightMb - peakMb;
    report(
      name,
      before,
      `+${maxGrowthMb} MB, ${maxMs} ms, probe ${maxProbeMs} ms`,
      `+${growthMb} MB, ${blockedMs} ms, probe ${heldUpMs} ms (${(slowestMs / 1000).toFixed(1)} s)${failed === 0 ? '' : `, ${failed} failed`}`,
      growthMb <= maxGrowthMb && blockedMs <= maxMs && heldUpMs <= maxProbeMs && failed === 0,
      longTurns && `${maxMs} ms: ${longTurns.why}`,
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
  `${'what'.padEnd(78)} ${'before'.padEnd(28)} ${'bound'.padEnd(32)} ${'now'.padEnd(38)} verdict\n`,
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

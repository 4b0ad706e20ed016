/**
 * Ten times as many calls as the service can do, over gRPC: `node bench/overload-shed.ts [seconds]`. The service runs in a process
 * of its own with a heap of 256 MB and its default settings, in front of an upstream that takes 100 ms, as Vultr does, and sends
 * large lists. Prints what it measured and what the bound is; exit code 1 when one is broken.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { startProber } from './hostile/prober.ts';
import { startWatched } from './hostile/service.ts';
import { type Measured, openCaller } from './overload-shed/caller.ts';
import { witness } from './overload-shed/witness.ts';

/**
 * The bounds. What a health check waits counts in processor time of the service's main thread, which three other processes cannot
 * lengthen: they share its two processors with it.
 */
const MAX_HEALTH_MS = 100;
const MAX_SLOWDOWN = 3;
const MAX_GROWTH_MB = 150;
const MAX_RECOVERY_MS = 2_000;

/** How much more than the service can do is asked of it. */
const OVERLOAD = 10;
/** So many callers who wait for each call keep the event loop busy, for so long. */
const CALLERS_AT_CAPACITY = 64;
const FULL_MS = 4_000;
/** So many of them are made by a thread that has time to measure them. */
const WITNESS_PER_SECOND = 300;
/** What is not counted at the beginning: the service does not know yet how much is coming. */
const ONSET_MS = 2_000;

const seconds = Number(process.argv[2] ?? 15);
const upstream = fork(new URL('./overload-shed/upstream.ts', import.meta.url), { stdio: 'inherit' });
const [url] = (await once(upstream, 'message')) as [string];
const capacity = await measureCapacity();
const service = await startWatched({ upstream: url });
const caller = await openCaller(service);
let broken = 0;
/** On a machine that is busy otherwise, times tell nothing of the service: they are shown and do not count. */
const isBusy = (): boolean => (loadavg()[0] ?? 0) > 2 * availableParallelism();

function report(name: string, bound: string, measured: string, isKept: boolean): void {
  if (!isKept) broken += 1;
  process.stdout.write(
    `${name.padEnd(56)} ${bound.padEnd(22)} ${measured.padEnd(40)} ${isKept ? 'ok' : 'BROKEN'}\n`,
  );
}

/** How many calls a second the service can do when it refuses none. */
async function measureCapacity(): Promise<number> {
  const unshed = await startWatched({ upstream: url, flags: ['--shed-delay', 'off'] });
  const callers = await openCaller(unshed);
  await callers.closed(8, 3_000);
  const full = await callers.closed(CALLERS_AT_CAPACITY, FULL_MS);
  tell(`${CALLERS_AT_CAPACITY} callers, and no call refused`, full);
  await unshed.stop();
  return Math.round(full.admitted.length / (FULL_MS / 1_000));
}

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * part)] ?? 0;
}

function tell(what: string, { admitted, shed, failed }: Measured): void {
  const p = (part: number): string => percentile(admitted, part).toFixed(0);
  process.stdout.write(
    `${what}: ${admitted.length} let in (p50 ${p(0.5)} ms, p99 ${p(0.99)} ms), ${shed} shed, ${failed} failed\n`,
  );
}

// What is measured before the code is compiled says nothing.
await caller.closed(8, 3_000);
const alone = await caller.closed(1, 5_000);
tell('one caller', alone);
const perSecond = OVERLOAD * capacity;
const { peakMb } = await service.read();

const prober = startProber(service);
const [crowd, { onset, load }] = await Promise.all([
  caller.open(perSecond - WITNESS_PER_SECOND, ONSET_MS, seconds * 1_000),
  witness(service, WITNESS_PER_SECOND, ONSET_MS, seconds * 1_000),
]);
tell(`${perSecond} calls a second, as the crowd sees it`, crowd.load);
tell(`of them, those of a caller who is not busy: the first ${ONSET_MS / 1_000} s`, onset);
tell(`the ${seconds} s after that`, load);
const { slowestMs, heldUpMs, failed: failedProbes } = await prober.read();
await prober.stop();
const { peakMb: loadedMb } = await service.read();
const unloaded = percentile(alone.admitted, 0.99);
const loaded = percentile(load.admitted, 0.99);
const recoveryMs = await caller.recovery(unloaded * MAX_SLOWDOWN);

process.stdout.write(
  `\nthe load of the machine: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors\n`,
);
report(
  'the slowest health check, each on a new connection',
  `${MAX_HEALTH_MS} ms`,
  `${heldUpMs} ms (${slowestMs} by the clock), ${failedProbes} failed`,
  heldUpMs <= MAX_HEALTH_MS && failedProbes === 0,
);
report(
  'p99 of calls that are let in, to that of one caller',
  `${MAX_SLOWDOWN} times`,
  `${(loaded / unloaded).toFixed(2)} times (${loaded.toFixed(0)} to ${unloaded.toFixed(0)} ms)`,
  isBusy() || loaded <= MAX_SLOWDOWN * unloaded,
);
report(
  'growth of memory',
  `${MAX_GROWTH_MB} MB`,
  `${loadedMb - peakMb} MB`,
  loadedMb - peakMb <= MAX_GROWTH_MB,
);
report('recovery', `${MAX_RECOVERY_MS} ms`, `${recoveryMs.toFixed(0)} ms`, recoveryMs <= MAX_RECOVERY_MS);
report(
  'calls that neither succeed nor are shed',
  '0',
  String(crowd.load.failed + load.failed),
  crowd.load.failed + load.failed === 0,
);
await service.stop();
upstream.kill();
process.exit(broken === 0 ? 0 : 1);

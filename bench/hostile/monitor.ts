/**
 * Loaded into the service before its own code (`node --import`): measures how long one turn of the event loop takes and how
 * much memory the process has. It is asked over the channel of the parent process, and forgets what it knew when it replies.
 */

/** What the service was like since it was last asked. */
export interface Readings {
  /** The longest turn of the event loop, in processor time: what else runs on the machine does not count. */
  readonly blockedMs: number;
  /** Resident memory, at the most. */
  readonly peakMb: number;
}

const TICK_MS = 5;
const TICKS_PER_LOOK = 10;
const MB = 1024 * 1024;

let blockedMs = 0;
let peak = 0;
let ticks = 0;
let before = processorTime();

function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function tick(): void {
  const now = processorTime();
  blockedMs = Math.max(blockedMs, now - before);
  before = now;
  ticks += 1;
  if (ticks % TICKS_PER_LOOK === 0) peak = Math.max(peak, process.memoryUsage.rss());
}

setInterval(tick, TICK_MS).unref();

process.on('message', () => {
  tick();
  peak = Math.max(peak, process.memoryUsage.rss());
  process.send?.({ blockedMs: Math.round(blockedMs), peakMb: Math.round(peak / MB) } satisfies Readings);
  blockedMs = 0;
  peak = 0;
});
// The channel alone does not keep the service alive.
process.channel?.unref();

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KINDS, MAX_BLOCKED_MS, measureKind, type Target } from '../../bench/hostile/blocking.ts';
import { TRIALS } from '../../bench/hostile/endings.ts';
import { startWatched } from '../../bench/hostile/service.ts';
import { startCannedVultr } from '../../bench/hostile/upstream.ts';

/** A piece of work, and what it takes of a processor on the machine for which the bounds were set, in milliseconds. */
const SAMPLE = { json: `"${'\\u0041'.repeat(1_000_000)}"`, ms: 15 };

/**
 * How many times as long the same work takes here and now as on that machine, 1 at least: a processor that is slow, or shared with
 * others, does not make an input more expensive.
 */
function slowness(): number {
  const times = Array.from({ length: 5 }, () => {
    const start = process.cpuUsage();
    JSON.parse(SAMPLE.json);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  });
  return Math.max(1, (times.toSorted((one, other) => one - other)[2] ?? 0) / SAMPLE.ms);
}

let target: Target;

beforeAll(async () => {
  const vultr = await startCannedVultr();
  target = { vultr, service: await startWatched({ upstream: vultr.url }) };
});

afterAll(async () => {
  await target.service.stop();
  await target.vultr.close();
});

describe('no input, grown until its limit refuses it, holds up the service', () => {
  test.each(KINDS)('$name', async (kind) => {
    const ms = await measureKind(target, kind);
    // To look at the machine takes time itself, so it is done only where it matters.
    const bound = ms > MAX_BLOCKED_MS ? MAX_BLOCKED_MS * slowness() : MAX_BLOCKED_MS;
    expect(ms).toBeLessThanOrEqual(bound);
  });
});

describe('the service is not brought down by', () => {
  test.each(TRIALS)('$name', async ({ max, run }) => {
    expect(await run(target.vultr)).toBeLessThanOrEqual(max);
  });
});

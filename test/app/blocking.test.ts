import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KINDS, MAX_BLOCKED_MS, measureKind, type Target } from '../../bench/hostile/blocking.ts';
import { TRIALS } from '../../bench/hostile/endings.ts';
import { startWatched } from '../../bench/hostile/service.ts';
import { startCannedVultr } from '../../bench/hostile/upstream.ts';

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
    expect(await measureKind(target, kind)).toBeLessThanOrEqual(MAX_BLOCKED_MS);
  });
});

describe('the service is not brought down by', () => {
  test.each(TRIALS)('$name', async ({ max, run }) => {
    expect(await run(target.vultr)).toBeLessThanOrEqual(max);
  });
});

import { expect, test } from 'vitest';
import { createLocalSource } from '../../../src/vultr/budget/local-source.ts';
import { SpentPermits } from '../../../src/vultr/budget/spent-permits.ts';
import { ManualClock, mostInOneSecond } from '../../support/budget.ts';

test('permits that follow each other within a millisecond are granted at its beginning, and no window has too many', async () => {
  const clock = new ManualClock();
  const limit = 5_000;
  const source = createLocalSource({ clock, intervalMs: 0.2, limit, burst: 1 });
  const used: number[] = [];
  for (let ms = 0; ms < 3_000; ms += 1) {
    for (let permit = await source.reserve(); permit.use(clock.now()); permit = await source.reserve()) {
      used.push(clock.now());
    }
    await clock.advance(1);
  }
  expect(used.length).toBeGreaterThan(0.9 * 3 * limit);
  expect(mostInOneSecond(used)).toBeLessThanOrEqual(limit);
  expect(new Set(used).size).toBeLessThan(used.length / 4);
});

test('the ring of used permits keeps the last ones through every growth', () => {
  const limit = 1_000;
  const spent = new SpentPermits(limit);
  for (let time = 1; time <= 3_500; time += 1) {
    spent.add(time);
    expect(spent.lastMs).toBe(time);
    expect(spent.firstMs).toBe(time < limit ? 0 : time - limit + 1);
  }
});

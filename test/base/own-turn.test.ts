import { expect, test } from 'vitest';
import { ownTurn } from '../../src/base/own-turn.ts';

test('each of many who ask together gets a turn of its own, in order, and others are served in between', async () => {
  const order: string[] = [];
  const serveOthers = (): void => {
    order.push('other');
    if (order.length < 12) setImmediate(serveOthers);
  };
  setImmediate(serveOthers);
  await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      await ownTurn();
      order.push(name);
    }),
  );
  expect(order.join(' ')).toMatch(/a other b other c$/);
});
